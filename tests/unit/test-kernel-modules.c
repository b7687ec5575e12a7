/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which modules are loaded, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture-kernel.h"
#include "kernel/kernel.h"

#define RELEASE "6.1.0-test"
#define MODULES "lib/modules/" RELEASE "/"

/*
 *	disk ──► bus ──► core
 *
 * disk softly needs "checksum" before and "late" after it; sum_fast and sum_plain are
 * both "checksum"; ext2 is built in.
 */
static const struct {
	const char *path, *exports, *needs, *modinfo;
} modules[] = {
	{MODULES "kernel/core.ko", "core_fn", NULL, "license=GPL"},
	{MODULES "kernel/bus.ko", "bus_fn", "core_fn", "license=GPL"},
	{MODULES "kernel/disk.ko", NULL, "bus_fn",
		"softdep=pre: checksum post: late ext2\\0alias=a:disk*"},
	{MODULES "kernel/sum-fast.ko", NULL, NULL, "alias=checksum"},
	{MODULES "kernel/sum-plain.ko", NULL, NULL, "alias=checksum"},
	{MODULES "kernel/late.ko", NULL, NULL, "softdep=pre: disk"},
};

static int setup(void **state)
{
	static struct fixture_root root;
	bool made = true;

	fixture_root_init(&root);
	for (size_t i = 0; i < ARRAY_SIZE(modules); i++)
		made &= fixture_module(&root, modules[i].path, modules[i].exports,
			modules[i].needs, modules[i].modinfo);
	made &= fixture_modules(&root, RELEASE, "kernel/fs/ext2.ko\n");
	*state = &root;
	if (!made) {
		fixture_root_done(&root);
		*state = NULL;
	}
	return 0;
}

static int teardown(void **state)
{
	if (*state)
		fixture_root_done(*state);
	return 0;
}

/* The modules' names in load order; or the error. */
static char *closure_within(
	const char *modules_dir, char *within, const char *const *names)
{
	CLEANUP_FREE char *dir = xstrdup(modules_dir);
	char version[] = RELEASE;
	const struct kernel k = {
		.version = version, .modules_dir = dir, .within = within};
	struct kernel_modules found;
	struct strbuf sb = {0};
	struct error err;

	if (kernel_modules_closure(&k, names, &found, &err) < 0)
		return xstrdup(err.msg);
	vector_foreach (mod, &found) {
		assert_int_equal(access(mod->path, R_OK), 0);
		strbuf_addf(&sb, "%s%s", sb.len ? " " : "", mod->name);
	}
	kernel_modules_done(&found);
	return strbuf_detach(&sb);
}

static char *closure(const char *modules_dir, const char *const *names)
{
	return closure_within(modules_dir, NULL, names);
}

#define assert_closure(f, expected, ...) \
	check_closure(f, expected, (const char *const[]){__VA_ARGS__, NULL})

static void check_closure(
	const struct fixture_root *f, const char *expected, const char *const *names)
{
	if (!f) {
		print_message("skipped: no depmod or no compiler here\n");
		skip();
		return;
	}
	CLEANUP_FREE char *dir = xasprintf("%s/" MODULES, f->path);
	CLEANUP_FREE char *got = closure(dir, names);
	assert_string_equal(got, expected);
}

static void dependencies_come_first_each_once(void **state)
{
	assert_closure(*state, "core bus", "bus");
	assert_closure(*state, "core bus", "core", "bus", "core");
}

static void soft_dependencies_are_followed(void **state)
{
	assert_closure(*state, "sum_fast sum_plain core bus disk late", "disk");
	/* In a circle, too. */
	assert_closure(*state, "sum_fast sum_plain core bus disk late", "late");
}

static void an_alias_means_all_that_bear_it(void **state)
{
	assert_closure(*state, "sum_fast sum_plain", "checksum");
	assert_closure(*state, "sum_fast sum_plain core bus disk late", "a:disk0");
	assert_closure(*state, "sum_fast", "sum-fast");
}

static void what_is_built_in_is_left_out(void **state)
{
	assert_closure(*state, "", "ext2");
	assert_closure(*state, "core", "ext2", "core");
}

static void what_is_missing_is_an_error_unless_optional(void **state)
{
	assert_closure(*state, "core", "?nothing", "core", "?ext2");
	assert_closure(*state,
		"kernel " RELEASE ": there is no module 'nothing', nor is it built in",
		"core", "nothing");
}

static void a_directory_without_an_index_is_an_error(void **state)
{
	const char *const names[] = {"core", NULL};
	CLEANUP_FREE char *missing = closure("/nonexistent", names);
	CLEANUP_FREE char *no_index = closure("/proc/self", names);

	(void)state;
	assert_non_null(strstr(missing, "no modules directory '/nonexistent'"));
	assert_non_null(strstr(no_index, "no module index '/proc/self/modules.dep.bin'"));
}

static void a_stale_index_is_said_with_its_cure(void **state)
{
	const struct fixture_root *f = *state;
	const char *const names[] = {"bus", NULL};

	if (!f)
		skip();
	CLEANUP_FREE char *dir = xasprintf("%s/" MODULES, f->path);
	CLEANUP_FREE char *core = fixture_root_place(f, MODULES "kernel/core.ko");
	CLEANUP_FREE char *packed = xasprintf("%s.xz", core);

	/* One that is needed by the one that was asked for. */
	assert_int_equal(rename(core, packed), 0);
	CLEANUP_FREE char *error = closure(dir, names);
	assert_int_equal(rename(packed, core), 0);
	if (!strstr(error, "is out of date (as root, 'depmod " RELEASE "'"))
		fail_msg("%s", error);
	assert_non_null(strstr(error, "kernel/core.ko': No such file"));
}

/* libkmod would allocate the four billion values that this one has, by its own account. */
static void a_damaged_index_is_said_with_its_cure(void **state)
{
	static const uint8_t greedy[] = {0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0x40, 0, 0,
		12, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0};
	static const char *const files[] = {"modules.dep.bin", "modules.alias.bin",
		"modules.symbols.bin", "modules.builtin.bin"};
	const struct fixture_root *f = *state;
	const char *const names[] = {"checksum", NULL};

	if (!f)
		skip();
	CLEANUP_FREE char *dir = xasprintf("%s/" MODULES, f->path);
	CLEANUP_FREE char *kept = fixture_root_place(f, "kept");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		CLEANUP_FREE char *name = xasprintf(MODULES "%s", files[i]);
		CLEANUP_FREE char *path = fixture_root_place(f, name);
		assert_int_equal(rename(path, kept), 0);
		fixture_root_write_bytes(f, name, greedy, sizeof(greedy));
		CLEANUP_FREE char *error = closure(dir, names);
		fixture_root_write(f, name, "");
		CLEANUP_FREE char *empty = closure(dir, names);
		assert_int_equal(rename(kept, path), 0);
		if (!strstr(error, files[i]) ||
			!strstr(error,
				"is damaged: it is cut off (as root, 'depmod " RELEASE
				"'"))
			fail_msg("%s", error);
		if (!strstr(empty, "is damaged: it is no index"))
			fail_msg("%s", empty);
	}
}

/* Of a module that is asked for, and of one that it needs. */
static void a_module_elsewhere_is_not_taken(void **state)
{
	static const char *const all[] = {
		MODULES "kernel/bus.ko", MODULES "kernel/core.ko"};
	const struct fixture_root *f = *state;
	const char *const names[] = {"bus", NULL};

	if (!f)
		skip();
	CLEANUP_FREE char *dir = xasprintf("%s/" MODULES, f->path);
	CLEANUP_FREE char *within = xasprintf("%s/lib", f->path);
	CLEANUP_FREE char *outside = fixture_root_place(f, "elsewhere.ko");
	CLEANUP_FREE char *whole = closure_within(dir, within, names);
	assert_string_equal(whole, "core bus");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		CLEANUP_FREE char *module = fixture_root_place(f, all[i]);
		assert_int_equal(rename(module, outside), 0);
		fixture_root_link(f, all[i], outside);
		CLEANUP_FREE char *error = closure_within(dir, within, names);
		CLEANUP_FREE char *anywhere = closure(dir, names);
		assert_int_equal(rename(outside, module), 0);
		if (!strstr(error, "leads out of"))
			fail_msg("%s", error);
		assert_string_equal(anywhere, "core bus");
	}
}

static void the_hosts_kernel_has_a_way_to_its_disk(void **state)
{
	static const char *const needs[] = {"virtio_blk", "virtio_pci", NULL};
	const struct kernel_request request = {.root = "/", .needs = needs};
	struct kernel_modules found;
	struct kernel k;
	struct error err;

	(void)state;
	if (kernel_find(&request, &k, NULL, &err) < 0) {
		print_message("skipped: %s\n", err.msg);
		skip();
	}
	if (kernel_modules_closure(&k, needs, &found, &err) < 0)
		fail_msg("%s", err.msg);
	vector_foreach (mod, &found) {
		CLEANUP_FREE uint8_t *data = NULL;
		size_t len;
		if (kernel_module_read(mod->path, false, &data, &len, &err) < 0)
			fail_msg("%s", err.msg);
		assert_true(len > 1000);
	}
	kernel_modules_done(&found);
	kernel_done(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dependencies_come_first_each_once),
		cmocka_unit_test(soft_dependencies_are_followed),
		cmocka_unit_test(an_alias_means_all_that_bear_it),
		cmocka_unit_test(what_is_built_in_is_left_out),
		cmocka_unit_test(what_is_missing_is_an_error_unless_optional),
		cmocka_unit_test(a_directory_without_an_index_is_an_error),
		cmocka_unit_test(a_stale_index_is_said_with_its_cure),
		cmocka_unit_test(a_damaged_index_is_said_with_its_cure),
		cmocka_unit_test(a_module_elsewhere_is_not_taken),
		cmocka_unit_test(the_hosts_kernel_has_a_way_to_its_disk),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
