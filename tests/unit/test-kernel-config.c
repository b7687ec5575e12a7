/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does a kernel insist on signed modules? Cutting signatures off would leave it without a
 * disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture-root.h"
#include "kernel/kernel.h"

#define VERSION "6.1.0-test"

static bool enforces(const char *config_path, const char *config)
{
	CLEANUP(fixture_root_done) struct fixture_root root;

	fixture_root_init(&root);
	CLEANUP_FREE char *image = xasprintf("%s/opt/vmlinuz", root.path);
	CLEANUP_FREE char *modules_dir = xasprintf("%s/lib/modules/" VERSION, root.path);
	char version[] = VERSION;
	const struct kernel k = {image, version, modules_dir};
	if (config)
		fixture_root_write(&root, config_path, config);
	return kernel_enforces_signatures(root.path, &k);
}

static void found_where_distributions_put_it(void **state)
{
	static const char config[] =
		"CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_FORCE=y\n#\n";

	(void)state;
	assert_true(enforces("boot/config-" VERSION, config));
	assert_true(enforces("opt/config-" VERSION, config));
	assert_true(enforces("lib/modules/" VERSION "/config", config));
	assert_false(enforces("boot/config-6.1.0-other", config));
}

static void a_kernel_locked_down_from_the_start_enforces_them(void **state)
{
	(void)state;
	assert_true(enforces(
		"boot/config-" VERSION, "CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY=y"));
	assert_true(enforces("boot/config-" VERSION,
		"CONFIG_LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY=y\n"));
	assert_false(enforces(
		"boot/config-" VERSION, "CONFIG_LOCK_DOWN_KERNEL_FORCE_NONE=y\n"));
}

static void only_a_whole_line_counts(void **state)
{
	static const char path[] = "boot/config-" VERSION;

	(void)state;
	assert_false(enforces(path, NULL));
	assert_false(enforces(path, ""));
	assert_false(enforces(path, "# CONFIG_MODULE_SIG_FORCE is not set\n"));
	assert_false(enforces(path, "#CONFIG_MODULE_SIG_FORCE=y\n"));
	assert_false(enforces(path, "CONFIG_MODULE_SIG_FORCE=yes\n"));
	assert_true(
		enforces(path, "#CONFIG_MODULE_SIG_FORCE=y\nCONFIG_MODULE_SIG_FORCE=y"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_where_distributions_put_it),
		cmocka_unit_test(a_kernel_locked_down_from_the_start_enforces_them),
		cmocka_unit_test(only_a_whole_line_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
