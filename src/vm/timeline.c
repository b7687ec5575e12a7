/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Collecting. The kernel reports no phases, only messages. A message that is known to be
 * the first of a phase begins it, and the phase lasts until the next such message. Kernels
 * differ; when a message does not come, its phase counts as part of the one before.
 */
#include "vm/timeline.h"

#include <jansson.h>
#include <string.h>

#include "base/monotonic.h"

static const char *const lane_names[LANE_COUNT] = {
	"host", "machine", "kernel", "init", "module", "command"};

const char *timeline_lane_name(enum timeline_lane lane)
{
	return lane_names[lane];
}

struct timeline *timeline_new(void)
{
	struct timeline *t = xcalloc(1, sizeof(*t));

	t->origin = monotonic_us();
	t->root_bytes = t->peak_kib = t->pss_kib = -1;
	return t;
}

void timeline_free(struct timeline *t)
{
	if (!t)
		return;
	vector_foreach (span, &t->spans)
		free(span->name);
	vector_foreach (message, &t->messages)
		free(message->text);
	vector_done(&t->spans);
	vector_done(&t->messages);
	free(t->machine);
	free(t);
}

void timeline_add_between(struct timeline *t, enum timeline_lane lane, const char *name,
	int64_t begin, int64_t end)
{
	if (!t)
		return;
	const struct timeline_span span = {
		lane, begin - t->origin, end - t->origin, xstrdup(name)};

	vector_push(&t->spans, span);
}

void timeline_add(
	struct timeline *t, enum timeline_lane lane, const char *name, int64_t begin)
{
	timeline_add_between(t, lane, name, begin, monotonic_us());
}

/* ---- The kernel's phases ---- */

static const struct {
	const char *message; /* how the first one begins */
	const char *phase;
} phases[] = {
	{"Linux version ", "early setup"},
	{"Kernel command line: ", "memory"},
	{"ftrace: allocating ", "ftrace"},
	{"rcu: ", "interrupts and timers"},
	{"Console: ", "console and clocks"},
	{"pid_max: ", "processes, patching itself for this processor"},
	{"devtmpfs: initialized", "subsystems"},
	{"PCI: ", "subsystems, PCI"},
	{"clocksource: Switched to ", "file systems and networks"},
	{"workingset: ", "drivers"},
	{"Loading compiled-in X.509", "keys and last drivers"},
	{"Freeing unused ", "giving back memory"},
	{"Run /init ", NULL},
};

/* The index of the phase that a message begins, or -1. Phases come in order. */
static int phase_of(const char *text, int current)
{
	for (int i = current + 1; i < (int)ARRAY_SIZE(phases); i++)
		if (strncmp(text, phases[i].message, strlen(phases[i].message)) == 0)
			return i;
	return -1;
}

/* From the kernel's start to the init's. */
static void add_phases(struct timeline *t, int64_t zero, int64_t end,
	const struct agent_boot_event *events, size_t n)
{
	int64_t begin = zero;
	int current = 0;

	for (size_t i = 0; i < n && phases[current].phase; i++) {
		int next = events[i].kind == BOOT_EVENT_KERNEL
			? phase_of(events[i].name, current)
			: -1;
		int64_t at = zero + (int64_t)events[i].begin;
		if (next < 0 || at < begin || at > end)
			continue;
		if (at > begin)
			timeline_add_between(
				t, LANE_KERNEL, phases[current].phase, begin, at);
		begin = at;
		current = next;
	}
	timeline_add_between(t, LANE_KERNEL,
		phases[current].phase ? phases[current].phase : "start of the init",
		begin, end);
}

/* ---- The guest ---- */

/* "000-virtio_blk.ko" */
static char *module_name(const char *file)
{
	size_t digits = strspn(file, "0123456789");
	const char *name = file[digits] == '-' ? file + digits + 1 : file;
	size_t len = strlen(name);

	return xstrndup(
		name, len > 3 && strcmp(name + len - 3, ".ko") == 0 ? len - 3 : len);
}

static void add_event(struct timeline *t, int64_t zero, const struct agent_boot_event *e)
{
	int64_t begin = zero + (int64_t)e->begin, end = zero + (int64_t)e->end;

	if (e->kind == BOOT_EVENT_KERNEL) {
		const struct timeline_message message = {
			begin - t->origin, xstrdup(e->name)};
		vector_push(&t->messages, message);
	} else if (e->kind == BOOT_EVENT_MODULE) {
		CLEANUP_FREE char *name = module_name(e->name);
		timeline_add_between(t, LANE_MODULE, name, begin, end);
	} else {
		timeline_add_between(t, LANE_INIT, e->name, begin, end);
	}
}

void timeline_add_guest(struct timeline *t, int64_t started, int64_t spoke,
	const struct agent_boot_event *events, size_t n)
{
	uint64_t first = UINT64_MAX, last = 0;

	for (size_t i = 0; i < n; i++)
		if (events[i].kind != BOOT_EVENT_KERNEL) {
			first = MIN(first, events[i].begin);
			last = MAX(last, events[i].end);
		}
	/* A guest that sends nonsense gets a nonsensical picture, and nothing worse. */
	int64_t zero = MAX(started, spoke - (int64_t)last);
	timeline_add_between(t, LANE_MACHINE, "qemu and firmware", started, zero);
	add_phases(
		t, zero, first == UINT64_MAX ? spoke : zero + (int64_t)first, events, n);
	for (size_t i = 0; i < n; i++)
		add_event(t, zero, &events[i]);
}

/* ---- For programs ---- */

static json_t *optional(int64_t value)
{
	return value < 0 ? json_null() : json_integer(value);
}

void timeline_write_json(const struct timeline *t, struct strbuf *ret)
{
	json_t *spans = json_array(), *messages = json_array();

	vector_foreach (span, &t->spans)
		json_array_append_new(spans,
			json_pack("{s:s, s:s, s:I, s:I}", "lane", lane_names[span->lane],
				"name", span->name, "begin_us", (json_int_t)span->begin,
				"end_us", (json_int_t)span->end));
	vector_foreach (message, &t->messages)
		json_array_append_new(messages,
			json_pack("{s:I, s:s}", "at_us", (json_int_t)message->at, "text",
				message->text));
	json_t *all = json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "version", 1,
		"machine", t->machine ? t->machine : "", "command_start_us",
		optional(t->command_start ? t->command_start : -1), "root_bytes_read",
		optional(t->root_bytes), "qemu_peak_kib", optional(t->peak_kib),
		"qemu_pss_kib", optional(t->pss_kib), "spans", spans, "kernel_messages",
		messages);
	char *text = all ? json_dumps(all, JSON_INDENT(1)) : NULL;
	strbuf_addf(ret, "%s\n", text ? text : "{}");
	free(text);
	json_decref(all);
}
