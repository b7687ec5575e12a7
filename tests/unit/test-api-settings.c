/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The settings of a handle by their names: what they take, that each one that shapes a
 * snapshot reaches the process that makes it, and that no call leaves one changed. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/handle.h"

/* A call that waits for a program without end is ended, and with it this test. */
#define PATIENCE_S 60

static char scratch[] = "/tmp/hypermin-test-settings-XXXXXX";

static char *make_file(const char *name, const char *text, mode_t mode)
{
	char *path = xasprintf("%s/%s", scratch, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_return_code(chmod(path, mode), 0);
	return path;
}

static void set(struct hypermin *h, const char *name, const char *value)
{
	if (hypermin_set(h, name, value) < 0)
		fail_msg("set %s: %s", name, hypermin_error(h));
}

static struct strvec options_of(const struct hypermin *h)
{
	struct strvec options = {0};

	handle_snapshot_options(h, &options);
	return options;
}

/* A value that is not the default, for each setting that shapes a snapshot. */
static void set_all(struct hypermin *h)
{
	CLEANUP_FREE char *kernel = make_file("kernel", "x", 0644);
	CLEANUP_FREE char *image = xasprintf("oci:%s:tag", scratch);

	set(h, "package", "lvm2");
	set(h, "package", "xfsprogs");
	set(h, "root", scratch);
	set(h, "image", image);
	set(h, "appliance", scratch);
	set(h, "kernel", kernel);
	set(h, "modules", scratch);
	set(h, "memory", "2G");
	set(h, "cpus", "3");
	set(h, "accel", "tcg");
	set(h, "machine", "q35");
	set(h, "root-bus", "nvme");
	set(h, "plain", NULL);
	set(h, "fast", NULL);
	set(h, "console", NULL);
	set(h, "strict", NULL);
	set(h, "boot-timeout", "300.25");
	set(h, "silence-timeout", "7");
}

static void each_setting_reaches_the_maker_of_a_snapshot(void **state)
{
	struct hypermin *h = hypermin_new(), *maker = hypermin_new();
	struct hypermin *fresh = hypermin_new();

	(void)state;
	set_all(h);
	CLEANUP_STRVEC struct strvec options = options_of(h);
	CLEANUP_STRVEC struct strvec defaults = options_of(fresh);
	vector_foreach (option, &options) {
		vector_foreach (other, &defaults)
			if (strcmp(*option, *other) == 0)
				fail_msg("set_all() leaves the default of %s", *option);
		CLEANUP_FREE char *word = xstrdup(*option + 2);
		char *value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		set(maker, word, value);
	}
	CLEANUP_STRVEC struct strvec again = options_of(maker);
	assert_int_equal(again.len, options.len);
	for (size_t i = 0; i < options.len; i++)
		assert_string_equal(again.items[i], options.items[i]);
	assert_int_equal(maker->packages.len, 2);
	assert_int_equal(maker->memory_mib, 2048);
	assert_int_equal(maker->cpus, 3);
	assert_int_equal(maker->boot_timeout_ms, 300250);
	assert_int_equal(maker->silence_timeout_ms, 7000);
	assert_int_equal(maker->accel, VM_ACCEL_TCG);
	assert_true(maker->plain);
	assert_true(maker->strict);
	assert_string_equal(maker->modules_dir, scratch);
	hypermin_free(h);
	hypermin_free(maker);
	hypermin_free(fresh);
}

static void a_wrong_value_is_refused_and_changes_nothing(void **state)
{
	static const struct {
		const char *name, *value, *message;
	} cases[] = {
		{"memory", "64", "128 MiB at least"},
		{"memory", "5000G", "4096 GiB at most"},
		{"memory", "-1", "not a size"},
		{"memory", "2X", "not a size"},
		{"memory", "", "empty"},
		{"cpus", "0", "1 to 255"},
		{"cpus", "256", "1 to 255"},
		{"cpus", "many", "not a number"},
		{"accel", "xen", "auto, kvm or tcg"},
		{"machine", "vax", "pc, q35, microvm or virt"},
		{"root-bus", "floppy", "virtio-blk"},
		{"package", "a b", "not the name of a package"},
		{"kernel", "/nonexistent/kernel", "No such file"},
		{"cache-dir", "", "empty"},
		{"appliance", "", "empty"},
		{"plain", "maybe", "yes or no"},
		{"boot-timeout", "soon", "not a number of seconds"},
		{"disk", "", "empty"},
		{"disk", "/nonexistent/disk:rw", "/nonexistent/disk'"},
		{"disk", "/proc/self/exe:serial=a b", "letters, digits"},
		{"gdb", "0", "not a port"},
		{"gdb", "65536", "not a port"},
		{"gdb", "1234:stop", "not a port"},
		{"append", NULL, "empty"},
		{"color", "red", "no setting 'color'"},
		{"cpus", NULL, "empty"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hypermin *h = hypermin_new(), *fresh = hypermin_new();
		assert_int_equal(hypermin_set(h, cases[i].name, cases[i].value), -1);
		if (!strstr(hypermin_error(h), cases[i].message))
			fail_msg("%s=%s: %s", cases[i].name, cases[i].value,
				hypermin_error(h));
		CLEANUP_STRVEC struct strvec options = options_of(h);
		CLEANUP_STRVEC struct strvec defaults = options_of(fresh);
		assert_int_equal(options.len, defaults.len);
		for (size_t k = 0; k < options.len; k++)
			assert_string_equal(options.items[k], defaults.items[k]);
		assert_null(h->fixed);
		assert_null(h->cache_dir);
		hypermin_free(h);
		hypermin_free(fresh);
	}
}

/* The last words behind colons say how; all before them is the name. */
static void a_disk_s_access_and_format_stand_behind_its_name(void **state)
{
	static const struct {
		const char *suffix, *file, *format;
		bool writable;
	} cases[] = {
		{"", "d", "raw", false},
		{":rw", "d", "raw", true},
		{":ro", "d", "raw", false},
		{":raw", "d", "raw", false},
		{":rw:raw", "d", "raw", true},
		{":raw:rw", "d", "raw", true},
		{":rw:ro", "d:rw", "raw", false},
		{":raw:rw:raw", "d:raw", "raw", true},
	};

	(void)state;
	free(make_file("d", "x", 0644));
	free(make_file("d:rw", "x", 0644));
	free(make_file("d:raw", "x", 0644));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hypermin *h = hypermin_new();
		CLEANUP_FREE char *text = xasprintf("%s/d%s", scratch, cases[i].suffix);
		CLEANUP_FREE char *file = xasprintf("%s/%s", scratch, cases[i].file);
		set(h, "disk", text);
		assert_int_equal(h->disks.len, 1);
		assert_string_equal(h->disks.items[0].path, file);
		assert_string_equal(h->disks.items[0].format, cases[i].format);
		assert_int_equal(h->disks.items[0].writable, cases[i].writable);
		hypermin_free(h);
	}
}

/* Only its own call may not build: a start on the same handle may. */
static void warming_what_is_built_leaves_the_handle_able_to_build(void **state)
{
	struct hypermin *h = hypermin_new();
	CLEANUP_FREE char *cache = xasprintf("%s/cache", scratch);
	bool taken;

	(void)state;
	assert_return_code(mkdir(cache, 0700), 0);
	set(h, "cache-dir", cache);
	set(h, "root", scratch);
	setenv("HYPERMIN_LIBEXECDIR", "/nonexistent", 1);
	assert_int_equal(hypermin_warm(h, 0, true, &taken), -1);
	assert_null(strstr(hypermin_error(h), "hypermin-builder"));
	/* It looks for the builder, which there is none of. */
	assert_int_equal(hypermin_prepare(h), -1);
	assert_non_null(strstr(hypermin_error(h), "hypermin-builder"));
	unsetenv("HYPERMIN_LIBEXECDIR");
	hypermin_free(h);
}

static void no_call_that_fails_changes_a_setting(void **state)
{
	struct hypermin *h = hypermin_new();
	bool taken;

	(void)state;
	set_all(h);
	set(h, "cold", "yes");
	CLEANUP_STRVEC struct strvec before = options_of(h);
	setenv("HYPERMIN_LIBEXECDIR", "/nonexistent", 1);
	assert_int_equal(hypermin_warm(h, 3, true, &taken), -1);
	assert_int_equal(hypermin_warm(h, 3, false, &taken), -1);
	assert_int_equal(hypermin_start(h), -1);
	assert_int_equal(hypermin_prepare(h), -1);
	assert_int_equal(hypermin_export(h, scratch), -1);
	unsetenv("HYPERMIN_LIBEXECDIR");
	CLEANUP_STRVEC struct strvec after = options_of(h);
	assert_int_equal(after.len, before.len);
	for (size_t i = 0; i < after.len; i++)
		assert_string_equal(after.items[i], before.items[i]);
	assert_true(h->cold);
	assert_false(h->wants_snapshot);
	hypermin_free(h);
}

static void a_program_is_looked_for_where_the_environment_says(void **state)
{
	struct hypermin *h = hypermin_new();
	CLEANUP_FREE char *program = make_file("hypermin-builder", "#!/bin/sh\n", 0755);

	(void)state;
	setenv("HYPERMIN_LIBEXECDIR", scratch, 1);
	CLEANUP_FREE char *found = hypermin_find_program(h, "hypermin-builder");
	assert_string_equal(found, program);
	assert_null(hypermin_find_program(h, "hypermin-other"));
	assert_non_null(strstr(hypermin_error(h), "HYPERMIN_LIBEXECDIR"));
	assert_non_null(strstr(hypermin_error(h), scratch));
	assert_return_code(chmod(program, 0644), 0);
	if (geteuid() != 0)
		assert_null(hypermin_find_program(h, "hypermin-builder"));
	unsetenv("HYPERMIN_LIBEXECDIR");
	hypermin_free(h);
}

static void ignore_finding(enum hypermin_finding finding, const char *topic,
	const char *text, const char *advice, void *data)
{
	(void)finding;
	(void)topic;
	(void)text;
	(void)advice;
	(void)data;
}

static size_t count_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* A qemu that says too much and goes on. */
static void the_doctor_leaves_no_process_and_no_descriptor(void **state)
{
	struct hypermin *h = hypermin_new();
	CLEANUP_FREE char *qemu = make_file("qemu",
		"#!/bin/sh\ndd if=/dev/zero bs=1024 count=200 2>/dev/null\nexec sleep 1000\n",
		0755);
	CLEANUP_FREE char *cache = xasprintf("%s/cache", scratch);

	(void)state;
	setenv("HYPERMIN_QEMU", qemu, 1);
	setenv("HYPERMIN_LIBEXECDIR", "/nonexistent", 1);
	set(h, "cache-dir", cache);
	/* So that the cache is open. */
	alarm(PATIENCE_S);
	hypermin_doctor(h, ignore_finding, NULL);
	size_t before = count_descriptors();
	assert_true(hypermin_doctor(h, ignore_finding, NULL) > 0);
	assert_int_equal(count_descriptors(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	alarm(0);
	unsetenv("HYPERMIN_QEMU");
	unsetenv("HYPERMIN_LIBEXECDIR");
	hypermin_free(h);
}

static int make_scratch(void **state)
{
	(void)state;
	return mkdtemp(scratch) ? 0 : -1;
}

static int remove_scratch(void **state)
{
	CLEANUP_FREE char *command = xasprintf("rm -rf %s", scratch);

	(void)state;
	return system(command);
}

static void directories_and_endpoints_have_a_limit(void **state)
{
	struct hypermin *h = hypermin_new();

	(void)state;
	for (int i = 0; i < 63; i++)
		assert_int_equal(
			hypermin_add_share(h, "/", "/place", HYPERMIN_SHARE_READ_ONLY),
			0);
	assert_int_equal(
		hypermin_add_share(h, "/", "/place", HYPERMIN_SHARE_READ_ONLY), -1);
	assert_non_null(strstr(hypermin_error(h), "at most 63"));
	/* The host's tree has a place of its own. */
	assert_int_equal(hypermin_set_host(h, true), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(hypermin_add_reach(h, "example:80"), 0);
	assert_int_equal(hypermin_add_reach(h, "example:80"), -1);
	assert_non_null(strstr(hypermin_error(h), "at most 100"));
	hypermin_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_setting_reaches_the_maker_of_a_snapshot),
		cmocka_unit_test(a_wrong_value_is_refused_and_changes_nothing),
		cmocka_unit_test(a_disk_s_access_and_format_stand_behind_its_name),
		cmocka_unit_test(warming_what_is_built_leaves_the_handle_able_to_build),
		cmocka_unit_test(directories_and_endpoints_have_a_limit),
		cmocka_unit_test(no_call_that_fails_changes_a_setting),
		cmocka_unit_test(a_program_is_looked_for_where_the_environment_says),
		cmocka_unit_test(the_doctor_leaves_no_process_and_no_descriptor),
	};
	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
