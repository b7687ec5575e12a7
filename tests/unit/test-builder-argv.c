/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests to the builder: the options that one is written as are read back as the same
 * request, and requests for different appliances have different digests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "appliance/assembly.h"
#include "appliance/builder.h"

/* ---- An appliance for the cache ---- */

static char *both[] = {(char *)"lvm2", (char *)"xfsprogs", NULL};
static char *routes[] = {(char *)"pc/nvme:nvme", (char *)"q35/ide:ahci", NULL};
static char *swapped[] = {(char *)"q35/ide:ahci", (char *)"pc/nvme:nvme", NULL};

static struct builder_task full_task(void)
{
	return (struct builder_task){
		.request =
			{
				.root = "/srv/root",
				.architecture = architecture_find("aarch64"),
				.agent_version = 7,
				.packages = {both, 2, 2},
				.kernel = "/boot/vmlinuz",
				.modules_dir = "/lib/modules/6",
				.image = "oci:/image",
				.routes = {routes, 2, 2},
			},
		.cache_dir = "/cache",
	};
}

static void a_task_is_read_back(void **state)
{
	char before[SHA256_HEX_LEN + 1], after[SHA256_HEX_LEN + 1];
	const struct builder_task task = full_task();
	CLEANUP(builder_task_done) struct builder_task read;
	CLEANUP_STRVEC struct strvec argv = {0};
	struct error err;

	(void)state;
	builder_argv(&argv, "/program", "build", &task);
	assert_string_equal(argv.items[0], "/program");
	assert_int_equal(
		builder_parse_argv(argv.len - 1, strvec_argv(&argv) + 1, &read, &err), 0);
	assert_string_equal(argv.items[1], "build");
	assert_string_equal(read.cache_dir, "/cache");
	appliance_request_digest(&task.request, before);
	appliance_request_digest(&read.request, after);
	assert_string_equal(before, after);
}

static void each_part_of_a_task_makes_another_digest(void **state)
{
	char digests[12][SHA256_HEX_LEN + 1];
	struct builder_task tasks[12];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++)
		tasks[i] = full_task();
	tasks[1].request.root = "/";
	tasks[2].request.architecture = architecture_find("x86_64");
	tasks[3].request.agent_version = 8;
	tasks[4].request.packages.len = 1;
	tasks[5].request.kernel = NULL;
	tasks[6].request.modules_dir = NULL;
	tasks[7].request.routes.len = 1;
	tasks[8].request.routes.items = swapped;
	tasks[9].request.kernel = "/lib/modules/6";
	tasks[9].request.modules_dir = "/boot/vmlinuz";
	tasks[10].request.image = NULL;
	tasks[11].request.packed_kernel = true;
	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++) {
		appliance_request_digest(&tasks[i].request, digests[i]);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(digests[i], digests[k]);
	}
}

/* ---- An appliance from inputs ---- */

static struct assembly full_assembly(void)
{
	return (struct assembly){
		.root = "/srv/root",
		.inputs = {both, 2, 2},
		.trees = {routes, 1, 2},
		.output = "/out",
		.format = ASSEMBLY_CHROOT,
		.size = 1ULL << 40,
		.copy_kernel = true,
		.if_newer = true,
		.package_list = true,
		.cpu = "x86_64",
		.kernel = "/boot/vmlinuz",
		.kernel_version = "6",
		.modules_dir = "/lib/modules/6",
		.spool_dir = "/var/tmp",
		.clamp_mtime = true,
		.epoch = -5,
	};
}

static void request_text(const struct assembly *a, struct strbuf *ret)
{
	strbuf_clear(ret);
	assembly_request(a, ret);
}

static void an_assembly_is_read_back(void **state)
{
	CLEANUP_STRBUF struct strbuf before = {0}, after = {0};
	const struct assembly a = full_assembly();
	CLEANUP(assembly_done) struct assembly read;
	CLEANUP_STRVEC struct strvec argv = {0};
	struct error err;

	(void)state;
	strvec_add(&argv, "assemble");
	assembly_argv(&a, &argv);
	assert_int_equal(
		assembly_parse_argv(argv.len, strvec_argv(&argv), &read, &err), 0);
	request_text(&a, &before);
	request_text(&read, &after);
	assert_string_equal(before.data, after.data);
	assert_string_equal(read.output, a.output);
	assert_string_equal(read.spool_dir, a.spool_dir);
	assert_true(read.if_newer);
}

static void each_part_of_an_assembly_makes_another_text(void **state)
{
	struct assembly all[14];
	struct strbuf texts[ARRAY_SIZE(all)] = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		all[i] = full_assembly();
	all[1].root = "/";
	all[2].inputs.len = 1;
	all[3].trees.len = 0;
	all[4].format = ASSEMBLY_EXT2;
	all[5].size = 0;
	all[6].copy_kernel = false;
	all[7].package_list = false;
	all[8].cpu = NULL;
	all[9].kernel = NULL;
	all[10].kernel_version = NULL;
	all[11].modules_dir = NULL;
	all[12].clamp_mtime = false;
	all[13].epoch = 5;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		request_text(&all[i], &texts[i]);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(texts[i].data, texts[k].data);
	}
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		strbuf_done(&texts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_task_is_read_back),
		cmocka_unit_test(each_part_of_a_task_makes_another_digest),
		cmocka_unit_test(an_assembly_is_read_back),
		cmocka_unit_test(each_part_of_an_assembly_makes_another_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
