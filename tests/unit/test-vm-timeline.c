/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A start's timeline: the guest's times on the host's clock, the kernel's phases, and
 * what is written of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "vm/measure.h"
#include "vm/timeline.h"

static const struct agent_boot_event boot[] = {
	{BOOT_EVENT_KERNEL, 0, 0, "Linux version 6.1"},
	{BOOT_EVENT_KERNEL, 20000, 20000, "ftrace: allocating 5 entries"},
	{BOOT_EVENT_KERNEL, 50000, 50000, "ftrace: allocated"},
	{BOOT_EVENT_KERNEL, 60000, 60000, "devtmpfs: initialized"},
	{BOOT_EVENT_KERNEL, 90000, 90000, "Run /init as init process"},
	{BOOT_EVENT_STEP, 100000, 110000, "mount <&> \"things\""},
	{BOOT_EVENT_MODULE, 110000, 130000, "007-virtio_blk.ko"},
	{BOOT_EVENT_STEP, 130000, 200000, "agent"},
};

/* qemu was started 1 s after the origin, and the agent spoke 500 ms later. */
static struct timeline *a_boot(void)
{
	struct timeline *t = timeline_new();

	timeline_add_guest(
		t, t->origin + 1000000, t->origin + 1500000, boot, ARRAY_SIZE(boot));
	return t;
}

static const struct timeline_span *find(const struct timeline *t, const char *name)
{
	vector_foreach (span, &t->spans)
		if (strcmp(span->name, name) == 0)
			return span;
	return NULL;
}

static void expect(const struct timeline *t, const char *name, enum timeline_lane lane,
	int64_t begin, int64_t end)
{
	const struct timeline_span *span = find(t, name);

	if (!span) {
		fail_msg("there is no '%s'", name);
		return;
	}
	assert_int_equal(span->lane, lane);
	assert_int_equal(span->begin, begin);
	assert_int_equal(span->end, end);
}

static void the_guests_times_are_laid_on_ours(void **state)
{
	struct timeline *t = a_boot();

	(void)state;
	/* Its last step ended when the agent spoke: its clock began 200 ms before. */
	expect(t, "qemu and firmware", LANE_MACHINE, 1000000, 1300000);
	expect(t, "early setup", LANE_KERNEL, 1300000, 1320000);
	expect(t, "ftrace", LANE_KERNEL, 1320000, 1360000);
	expect(t, "subsystems", LANE_KERNEL, 1360000, 1390000);
	expect(t, "start of the init", LANE_KERNEL, 1390000, 1400000);
	expect(t, "virtio_blk", LANE_MODULE, 1410000, 1430000);
	expect(t, "agent", LANE_INIT, 1430000, 1500000);
	assert_int_equal(t->messages.len, 5);
	timeline_free(t);
}

/* Whatever a guest tells: no span ends before it begins, and none of the kernel's lies
 * outside of the kernel's time. */
static void nonsense_from_the_guest_does_no_harm(void **state)
{
	static const struct agent_boot_event nonsense[] = {
		{BOOT_EVENT_KERNEL, 4000000000, 4000000000, "ftrace: allocating"},
		{BOOT_EVENT_KERNEL, 5, 5, "devtmpfs: initialized"},
		{BOOT_EVENT_KERNEL, 1, 1, "rcu: before the one before"},
		{BOOT_EVENT_STEP, 4000000000, 4200000000, "far in the future"},
		{BOOT_EVENT_MODULE, 0, 0, ""},
		{BOOT_EVENT_MODULE, 0, 0, ".ko"},
	};
	CLEANUP_STRBUF struct strbuf svg = {0};

	(void)state;
	for (size_t n = 0; n <= ARRAY_SIZE(nonsense); n++) {
		struct timeline *t = timeline_new();
		timeline_add_guest(t, t->origin, t->origin + 1000, nonsense, n);
		vector_foreach (span, &t->spans)
			assert_true(span->begin <= span->end);
		timeline_write_svg(t, &svg);
		timeline_free(t);
	}
}

static void programs_get_all_of_it(void **state)
{
	struct timeline *t = a_boot();
	CLEANUP_STRBUF struct strbuf text = {0};

	(void)state;
	t->root_bytes = 123;
	timeline_write_json(t, &text);
	json_t *json = json_loads(text.data, 0, NULL);
	assert_non_null(json);
	assert_int_equal(json_array_size(json_object_get(json, "spans")), t->spans.len);
	assert_int_equal(json_array_size(json_object_get(json, "kernel_messages")), 5);
	assert_int_equal(
		json_integer_value(json_object_get(json, "root_bytes_read")), 123);
	assert_true(json_is_null(json_object_get(json, "qemu_peak_kib")));
	json_decref(json);
	timeline_free(t);
}

static void a_picture_has_each_span_and_is_xml(void **state)
{
	struct timeline *t = a_boot();
	CLEANUP_STRBUF struct strbuf svg = {0};

	(void)state;
	t->machine = xstrdup("a<b");
	timeline_write_svg(t, &svg);
	assert_non_null(strstr(svg.data, "a&lt;b"));
	assert_non_null(strstr(svg.data, ">mount &lt;&amp;&gt; \"things\"  10.0 ms<"));
	assert_non_null(strstr(svg.data, "virtio_blk  20.0 ms"));
	assert_null(strstr(svg.data, "<&>"));
	timeline_free(t);
}

static int64_t root_bytes(const char *text)
{
	json_t *stats = json_loads(text, 0, NULL);
	int64_t bytes = measure_root_bytes(stats);

	json_decref(stats);
	return bytes;
}

static void what_a_vm_takes_is_read_from_qemu_and_proc(void **state)
{
	(void)state;
	assert_int_equal(
		root_bytes("[{\"device\": \"\", \"node-name\": \"disk0\", \"stats\": "
			   "{\"rd_bytes\": 1}}, {\"device\": \"\", \"node-name\": "
			   "\"root\", \"stats\": {\"rd_bytes\": 77}}]"),
		77);
	assert_int_equal(root_bytes("[3, {}, []]"), -1);
	assert_int_equal(measure_root_bytes(NULL), -1);
	assert_int_equal(measure_parse_kib(
				 "Rss:  5 kB\nPss:      12 kB\nPss_Dirty: 3 kB\n", "Pss"),
		12);
	assert_int_equal(measure_parse_kib("Pss_Dirty: 3 kB\n", "Pss"), -1);
	assert_int_equal(measure_parse_kib("", "Pss"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_guests_times_are_laid_on_ours),
		cmocka_unit_test(nonsense_from_the_guest_does_no_harm),
		cmocka_unit_test(programs_get_all_of_it),
		cmocka_unit_test(a_picture_has_each_span_and_is_xml),
		cmocka_unit_test(what_a_vm_takes_is_read_from_qemu_and_proc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
