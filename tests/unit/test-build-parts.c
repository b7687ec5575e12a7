/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keys of an appliance's parts: each thing that a part is made from changes its key, and that
 * of the appliance, and no other part's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>

#include "build/parts.h"
#include "fixture-root.h"

static const struct package packages[] = {
	{.name = "bash", .version = "5.2", .arch = "amd64"},
	{.name = "bash", .version = "5.3", .arch = "amd64"},
	{.name = "dash", .version = "5.2", .arch = "amd64"},
};

struct inputs {
	const char *builder, *guest, *kernel, *tree, *route;
	const struct package *package;
	bool enforce_signatures;
};

struct keys {
	char parts[ENTRY_PARTS][SHA256_HEX_LEN + 1];
	char appliance[SHA256_HEX_LEN + 1];
};

/* The driver is built into the kernel. */
static bool make_index(const struct fixture_root *root)
{
	CLEANUP_FREE char *command = xasprintf(
		"PATH=$PATH:/sbin:/usr/sbin; depmod -b %s 6.1.0 2>/dev/null", root->path);

	fixture_root_write(root, "lib/modules/6.1.0/modules.order", "");
	fixture_root_write(root, "lib/modules/6.1.0/modules.builtin", "kernel/x.ko\n");
	return system(command) == 0;
}

static void make_keys(
	const struct fixture_root *root, const struct inputs *in, struct keys *ret)
{
	static const volatile sig_atomic_t interrupted;
	CLEANUP_FREE char *image = fixture_root_place(root, "vmlinuz");
	CLEANUP_FREE char *modules = fixture_root_place(root, "lib/modules/6.1.0");
	const struct tree_options options = {0};
	struct contents c = {.route.name = xstrdup(in->route)};
	struct parts p = {.contents = &c,
		.guest = in->guest,
		.guest_len = strlen(in->guest),
		.interrupted = &interrupted};
	struct stamp stamp = {0};
	struct error err;

	fixture_root_write(root, "vmlinuz", in->kernel);
	fixture_root_write(root, "lib/modules/6.1.0/config",
		in->enforce_signatures ? "CONFIG_MODULE_SIG_FORCE=y\n" : "\n");
	strcpy(p.builder_digest, in->builder);
	gather_init(&c.got, "/", &stamp, &options);
	vector_push(&c.got.set, in->package);
	c.got.kernel = (struct kernel){.image = xstrdup(image),
		.version = xstrdup("6.1.0"),
		.modules_dir = xstrdup(modules)};
	strvec_add(&c.route.modules, "x");
	assert_int_equal(tree_add_file(c.got.tree, "/file",
				 &(struct tree_file){.mode = S_IFREG | 0644,
					 .data = in->tree,
					 .len = strlen(in->tree)},
				 &err),
		0);
	gather_finish(&c.got);
	if (parts_make_keys(&p, &err) < 0)
		fail_msg("%s", err.msg);
	memcpy(ret->parts, p.keys, sizeof(ret->parts));
	parts_appliance_key(&p, ret->appliance);
	parts_done(&p);
	contents_done(&c);
}

enum { KERNEL = 1 << ENTRY_KERNEL, INITRD = 1 << ENTRY_INITRD, ROOT = 1 << ENTRY_ROOT };

static void each_input_changes_the_keys_of_what_is_made_from_it(void **state)
{
	const struct inputs usual = {.builder = "builder",
		.guest = "guest",
		.kernel = "kernel",
		.tree = "tree",
		.route = "route",
		.package = &packages[0]};
	struct {
		const char *what;
		struct inputs in;
		unsigned changed;
	} cases[] = {
		{"builder", usual, KERNEL | INITRD | ROOT},
		{"guest program", usual, INITRD},
		{"kernel image", usual, KERNEL},
		{"tree", usual, ROOT},
		{"signatures", usual, INITRD},
		{"route's name", usual, 0},
		{"package's version", usual, 0},
		{"package's name", usual, 0},
	};
	struct keys before, again, after;

	cases[0].in.builder = "other";
	cases[1].in.guest = "other";
	cases[2].in.kernel = "lenrek";
	cases[3].in.tree = "eert";
	cases[4].in.enforce_signatures = true;
	cases[5].in.route = "other";
	cases[6].in.package = &packages[1];
	cases[7].in.package = &packages[2];
	if (!make_index(*state))
		skip();
	make_keys(*state, &usual, &before);
	make_keys(*state, &usual, &again);
	assert_memory_equal(&before, &again, sizeof(before));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_keys(*state, &cases[i].in, &after);
		for (int part = 0; part < ENTRY_PARTS; part++) {
			bool same = strcmp(before.parts[part], after.parts[part]) == 0;
			if (same == (bool)(cases[i].changed & 1 << part))
				fail_msg("another %s: the key of %s is %s", cases[i].what,
					entry_parts[part], same ? "the same" : "another");
		}
		if (strcmp(before.appliance, after.appliance) == 0)
			fail_msg("another %s: the appliance is the same", cases[i].what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			each_input_changes_the_keys_of_what_is_made_from_it,
			fixture_root_setup, fixture_root_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
