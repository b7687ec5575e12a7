/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qemu's command line: which disk is where, what may be written, what the kernel is
 * told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/strbuf.h"
#include "vm/machine.h"

static const struct machine_fds fds = {.agent = 10, .qmp = 11, .console = 12};

static struct vm_config config_with(const struct vm_disk *disks, size_t n)
{
	return (struct vm_config){
		.kernel = "/c/kernel",
		.initrd = "/c/initrd",
		.root = "/c/root",
		.root_uuid = "01234567-89ab-cdef-0123-456789abcdef",
		.memory_mib = 256,
		.cpus = 1,
		.disks = disks,
		.n_disks = n,
	};
}

static struct strvec line_of(const struct vm_config *config, bool kvm)
{
	struct strvec argv = {0};

	machine_argv(config, "/usr/bin/qemu", kvm, &fds, &argv);
	return argv;
}

/* The nth value of an option, or NULL. */
static const char *value_of(const struct strvec *argv, const char *option, size_t n)
{
	for (size_t i = 0; i + 1 < argv->len; i++)
		if (strcmp(argv->items[i], option) == 0 && n-- == 0)
			return argv->items[i + 1];
	return NULL;
}

/* The nth -device that is a disk, or -blockdev; NULL behind the last. Free with
 * json_decref(). */
static json_t *nth_json(
	const struct strvec *argv, const char *option, const char *driver, size_t n)
{
	const char *value;

	for (size_t i = 0; (value = value_of(argv, option, i)); i++) {
		json_t *json = json_loads(value, 0, NULL);
		const char *is = json_string_value(json_object_get(json, "driver"));
		assert_non_null(json);
		if ((!driver || strcmp(is, driver) == 0) && n-- == 0)
			return json;
		json_decref(json);
	}
	return NULL;
}

static const char *string_of(const json_t *json, const char *key)
{
	const char *value = json_string_value(json_object_get(json, key));
	return value ? value : "";
}

static struct vm_disk disk(const char *path, bool writable)
{
	return (struct vm_disk){
		.path = (char *)path, .format = (char *)"raw", .writable = writable};
}

static void disks_keep_their_order_and_the_root_is_last(void **state)
{
	struct vm_disk disks[VM_MAX_DISKS];
	unsigned last = 0;

	(void)state;
	for (size_t i = 0; i < VM_MAX_DISKS; i++)
		disks[i] = disk("/d", false);
	const struct vm_config config = config_with(disks, VM_MAX_DISKS);
	CLEANUP_STRVEC struct strvec argv = line_of(&config, false);
	for (size_t i = 0; i <= VM_MAX_DISKS; i++) {
		json_t *device = nth_json(&argv, "-device", "virtio-blk-pci", i);
		unsigned slot, function;
		assert_non_null(device);
		assert_int_equal(
			sscanf(string_of(device, "addr"), "0x%x.0x%x", &slot, &function),
			2);
		assert_true(slot < 32 && function < 8);
		/* The guest finds them in the order of their addresses. */
		assert_true(slot * 8 + function > last);
		last = slot * 8 + function;
		/* A slot's other functions are seen only if the first says so. */
		if (function == 0 && i < VM_MAX_DISKS)
			assert_true(
				json_is_true(json_object_get(device, "multifunction")));
		CLEANUP_FREE char *node =
			i == VM_MAX_DISKS ? xstrdup("root") : xasprintf("disk%zu", i);
		assert_string_equal(string_of(device, "drive"), node);
		json_decref(device);
	}
	assert_null(nth_json(&argv, "-device", "virtio-blk-pci", VM_MAX_DISKS + 1));
}

static void only_the_root_has_the_roots_serial(void **state)
{
	const struct vm_disk disks[] = {disk("/d", false), disk("/e", true)};
	const struct vm_config config = config_with(disks, 2);
	CLEANUP_STRVEC struct strvec argv = line_of(&config, true);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		json_t *device = nth_json(&argv, "-device", "virtio-blk-pci", i);
		const char *serial = string_of(device, "serial");
		assert_int_equal(strcmp(serial, VM_ROOT_SERIAL) == 0, i == 2);
		json_decref(device);
	}
}

static void what_is_not_said_to_be_writable_is_read_only(void **state)
{
	const struct vm_disk disks[] = {disk("/d", false), disk("/e", true)};
	const struct vm_config config = config_with(disks, 2);
	CLEANUP_STRVEC struct strvec argv = line_of(&config, false);
	static const bool read_only[] = {true, false, true}; /* the third is the root */

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(read_only); i++) {
		json_t *node = nth_json(&argv, "-blockdev", NULL, i);
		json_t *file = json_object_get(node, "file");
		assert_int_equal(
			json_is_true(json_object_get(node, "read-only")), read_only[i]);
		assert_int_equal(
			json_is_true(json_object_get(file, "read-only")), read_only[i]);
		/* The root is shared by many VMs; a user's disk is not. */
		assert_string_equal(string_of(file, "locking"), i == 2 ? "off" : "auto");
		json_decref(node);
	}
}

static void a_block_device_is_opened_as_one(void **state)
{
	struct vm_disk device = disk("/dev/sdx", false);
	const struct vm_config config = config_with(&device, 1);

	(void)state;
	device.block_device = true;
	device.format = (char *)"qcow2";
	CLEANUP_STRVEC struct strvec argv = line_of(&config, false);
	json_t *node = nth_json(&argv, "-blockdev", "qcow2", 0);
	assert_string_equal(
		string_of(json_object_get(node, "file"), "driver"), "host_device");
	json_decref(node);
}

static void a_file_name_is_never_more_than_a_name(void **state)
{
	static const char name[] =
		"/d/a,b=c,readonly=off \"quoted\" \\back\\ ';x' -snapshot\n%s é file:json:{";
	const struct vm_disk disks[] = {disk(name, false)};
	const struct vm_config config = config_with(disks, 1);
	CLEANUP_STRVEC struct strvec argv = line_of(&config, false);
	CLEANUP_STRVEC struct strvec plain = {0};

	(void)state;
	const struct vm_disk simple[] = {disk("/d", false)};
	const struct vm_config simple_config = config_with(simple, 1);
	machine_argv(&simple_config, "/usr/bin/qemu", false, &fds, &plain);
	assert_int_equal(argv.len, plain.len);
	json_t *node = nth_json(&argv, "-blockdev", "raw", 0);
	assert_string_equal(string_of(json_object_get(node, "file"), "filename"), name);
	assert_true(json_is_true(json_object_get(node, "read-only")));
	json_decref(node);
}

static bool has_vectors(const struct vm_config *config, bool kvm)
{
	CLEANUP_STRVEC struct strvec argv = line_of(config, kvm);
	bool all = true, any = false;

	for (size_t i = 0; i < 2; i++) {
		json_t *device = i == 0
			? nth_json(&argv, "-device", "virtio-blk-pci", 0)
			: nth_json(&argv, "-device", "virtio-serial-pci", 0);
		bool has = json_object_get(device, "vectors");
		all &= has;
		any |= has;
		json_decref(device);
	}
	assert_int_equal(all, any);
	return all;
}

static void has_option(
	const struct vm_config *config, bool kvm, const char *option, bool expected)
{
	CLEANUP_FREE char *line = machine_kernel_command_line(config, kvm);
	CLEANUP_FREE char *padded = xasprintf(" %s ", line);
	CLEANUP_FREE char *word = xasprintf(" %s ", option);

	assert_int_equal(strstr(padded, word) != NULL, expected);
}

static void one_emulated_cpu_does_without_interrupt_routing(void **state)
{
	struct vm_config config = config_with(NULL, 0);

	(void)state;
	has_option(&config, false, "pci=noacpi", true);
	assert_true(has_vectors(&config, false));
	has_option(&config, true, "pci=noacpi", false);
	assert_false(has_vectors(&config, true));
	/* Several need the tables to find each other. */
	config.cpus = 4;
	has_option(&config, false, "pci=noacpi", false);
	assert_false(has_vectors(&config, false));
	CLEANUP_STRVEC struct strvec argv = line_of(&config, false);
	assert_string_equal(value_of(&argv, "-smp", 0), "4");
}

static void the_kernel_is_told_its_root(void **state)
{
	const struct vm_config config = config_with(NULL, 0);

	(void)state;
	for (int kvm = 0; kvm < 2; kvm++) {
		CLEANUP_STRVEC struct strvec argv = line_of(&config, kvm);
		has_option(&config, kvm, "root=UUID=01234567-89ab-cdef-0123-456789abcdef",
			true);
		has_option(&config, kvm, "hypermin.root_serial=" VM_ROOT_SERIAL, true);
		has_option(&config, kvm, "panic=-1", true);
		CLEANUP_FREE char *line = machine_kernel_command_line(&config, kvm);
		assert_string_equal(value_of(&argv, "-append", 0), line);
		assert_string_equal(value_of(&argv, "-kernel", 0), "/c/kernel");
		assert_string_equal(value_of(&argv, "-initrd", 0), "/c/initrd");
		assert_string_equal(value_of(&argv, "-m", 0), "256");
		assert_string_equal(value_of(&argv, "-accel", 0), kvm ? "kvm" : "tcg");
	}
}

static void nothing_of_the_users_configuration_is_taken(void **state)
{
	const struct vm_config config = config_with(NULL, 0);
	CLEANUP_STRVEC struct strvec argv = line_of(&config, false);
	bool no_user_config = false, no_defaults = false, no_reboot = false;

	(void)state;
	assert_string_equal(argv.items[0], "/usr/bin/qemu");
	vector_foreach (item, &argv) {
		no_user_config |= strcmp(*item, "-no-user-config") == 0;
		no_defaults |= strcmp(*item, "-nodefaults") == 0;
		no_reboot |= strcmp(*item, "-no-reboot") == 0;
	}
	assert_true(no_user_config && no_defaults && no_reboot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disks_keep_their_order_and_the_root_is_last),
		cmocka_unit_test(only_the_root_has_the_roots_serial),
		cmocka_unit_test(what_is_not_said_to_be_writable_is_read_only),
		cmocka_unit_test(a_block_device_is_opened_as_one),
		cmocka_unit_test(a_file_name_is_never_more_than_a_name),
		cmocka_unit_test(one_emulated_cpu_does_without_interrupt_routing),
		cmocka_unit_test(the_kernel_is_told_its_root),
		cmocka_unit_test(nothing_of_the_users_configuration_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
