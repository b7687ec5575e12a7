/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qemu's command line: which disk is where, and what may be written. */
#include <jansson.h>
#include <stdlib.h>

#include "fixture-machine.h"
#include "protocol/boot.h"

/* The nth -blockdev; NULL behind the last. Free with json_decref(). */
static json_t *nth_node(const struct strvec *argv, size_t n)
{
	const char *value = value_of(argv, "-blockdev", n);
	json_t *json = value ? json_loads(value, 0, NULL) : NULL;

	assert_true(!value || json);
	return json;
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
		const char *device = nth_device(&argv, "virtio-blk-pci", i);
		unsigned slot, function;
		assert_non_null(device);
		assert_int_equal(sscanf(strstr(device, ",addr="), ",addr=0x%x.0x%x",
					 &slot, &function),
			2);
		assert_true(slot < 31 && function < 8);
		/* The guest finds them in the order of their addresses. */
		assert_true(slot * 8 + function > last);
		last = slot * 8 + function;
		/* A slot's other functions are seen only if the first says so. */
		if (function == 0 && i < VM_MAX_DISKS)
			assert_true(has(device, "multifunction=on"));
		CLEANUP_FREE char *node = i == VM_MAX_DISKS
			? xstrdup("drive=root")
			: xasprintf("drive=disk%zu", i);
		assert_true(has(device, node));
	}
	assert_null(nth_device(&argv, "virtio-blk-pci", VM_MAX_DISKS + 1));
}

static void what_is_written_to_an_overlay_goes_elsewhere(void **state)
{
	struct vm_disk disks[] = {disk("/d/a,b", false)};
	const struct vm_config config = config_with(disks, 1);

	(void)state;
	disks[0].overlay = true;
	disks[0].serial = (char *)"mine";
	CLEANUP_STRVEC struct strvec argv = line_of(&config, false);
	const char *drive = value_of(&argv, "-drive", 0);
	assert_non_null(drive);
	assert_true(has(drive, "snapshot=on"));
	assert_true(has(drive, "id=disk0"));
	/* A comma is written twice. */
	assert_non_null(strstr(drive, "file.filename=/d/a,,b"));
	const char *device = nth_device(&argv, "virtio-blk-pci", 0);
	assert_true(has(device, "drive=disk0"));
	assert_true(has(device, "serial=mine"));
	/* A node by -blockdev would be another one of this name. */
	for (size_t i = 0; value_of(&argv, "-blockdev", i); i++)
		assert_null(strstr(value_of(&argv, "-blockdev", i), "\"disk0\""));
}

/* A snapshot's devices have to be those of the VM that resumes from it. */
static void a_placeholder_differs_by_its_content_alone(void **state)
{
	const struct vm_disk disks[] = {disk("/d/one", false)};
	struct vm_config with_disk = config_with(disks, 1);
	struct vm_config with_placeholder = config_with(NULL, 0);

	(void)state;
	with_placeholder.reserved_slots = 1;
	CLEANUP_STRVEC struct strvec line = line_of(&with_disk, false);
	CLEANUP_STRVEC struct strvec placeholder = line_of(&with_placeholder, false);
	assert_int_equal(line.len, placeholder.len);
	for (size_t i = 0; i < line.len; i++)
		if (strcmp(line.items[i], placeholder.items[i]) != 0) {
			assert_string_equal(line.items[i - 1], "-blockdev");
			assert_non_null(strstr(line.items[i], "/d/one"));
			assert_non_null(strstr(placeholder.items[i], "\"null-co\""));
		}
}

/* A guest that resumes has no device to look for, whatever its snapshot's maker shared. */
static void directories_differ_by_what_is_behind_their_port_alone(void **state)
{
	const struct vm_share shares[] = {
		{.path = (char *)"/d", .place = (char *)"/d", .mode = "ro"}};
	const struct vm_config without = config_with(NULL, 0);
	struct vm_config with = without;

	(void)state;
	with.shares = shares;
	with.n_shares = 1;
	CLEANUP_STRVEC struct strvec line = line_of(&with, false);
	CLEANUP_STRVEC struct strvec other = line_of(&without, false);
	assert_int_equal(line.len, other.len);
	size_t n_differ = 0;
	for (size_t i = 0; i < line.len; i++)
		if (strcmp(line.items[i], other.items[i]) != 0) {
			assert_string_equal(line.items[i - 1], "-chardev");
			assert_true(has(line.items[i], "id=" SHARE_CHARDEV));
			n_differ++;
		}
	assert_int_equal(n_differ, 1);
}

/* By ACPI a kernel with the driver hears that it resumes from a snapshot. */
static void a_snapshot_has_a_generation_id_where_there_is_acpi(void **state)
{
	const struct vm_snapshot record = {0};
	struct vm_config config = config_with(NULL, 0);

	(void)state;
	config.record = &record;
	CLEANUP_STRVEC struct strvec emulated = line_of(&config, false);
	CLEANUP_STRVEC struct strvec kvm = line_of(&config, true);
	assert_null(nth_device(&emulated, "vmgenid", 0));
	const struct profile virt = profile_of("virt", "virtio-blk");
	CLEANUP_STRVEC struct strvec arm = line_along(&config, &virt);
	assert_null(nth_device(&arm, "vmgenid", 0));
	assert_true(has(nth_device(&kvm, "vmgenid", 0), "guid=auto"));
	config.record = NULL;
	CLEANUP_STRVEC struct strvec booted = line_of(&config, true);
	assert_null(nth_device(&booted, "vmgenid", 0));
}

/* Else one guest would write to the memory of others. */
static void memory_that_others_resume_from_stays_as_it_is(void **state)
{
	const struct vm_config config = config_with(NULL, 0);
	const struct profile profile = usual(&config, false);
	struct vm_snapshot snapshot = {.ram_fd = 7, .state_fd = 8};
	CLEANUP_STRVEC struct strvec shared = {0}, own = {0};

	(void)state;
	machine_resume_argv(&config, &profile, &fds, &snapshot, &shared);
	assert_true(has(value_of(&shared, "-object", 0), "share=off"));
	/* And here it would take the host's memory twice. */
	snapshot.is_own = true;
	machine_resume_argv(&config, &profile, &fds, &snapshot, &own);
	assert_true(has(value_of(&own, "-object", 0), "share=on"));
}

static void a_microvm_has_its_disks_in_order_too(void **state)
{
	const struct profile profile = profile_of("microvm", "virtio-blk");
	struct vm_disk disks[VM_MAX_DISKS];
	unsigned n = profile.machine->max_disks;
	unsigned last = 24;

	(void)state;
	for (size_t i = 0; i < n; i++)
		disks[i] = disk("/d", false);
	const struct vm_config config = config_with(disks, n);
	CLEANUP_STRVEC struct strvec argv = line_along(&config, &profile);
	const char *agent = nth_device(&argv, "virtio-serial-device", 0);
	assert_true(has(agent, "bus=virtio-mmio-bus.2"));
	for (size_t i = 0; i <= n; i++) {
		const char *device = nth_device(&argv, "virtio-blk-device", i);
		unsigned bus;
		assert_int_equal(
			sscanf(strstr(device, ",bus="), ",bus=virtio-mmio-bus.%u", &bus),
			1);
		assert_true(bus < last && bus > 0 && bus != 2);
		last = bus;
	}
}

static void only_the_root_has_the_roots_serial(void **state)
{
	const struct vm_disk disks[] = {disk("/d", false), disk("/e", true)};
	const struct vm_config config = config_with(disks, 2);
	CLEANUP_STRVEC struct strvec argv = line_of(&config, true);

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(has(nth_device(&argv, "virtio-blk-pci", i),
					 "serial=" ROOT_SERIAL),
			i == 2);
}

static void what_is_not_said_to_be_writable_is_read_only(void **state)
{
	const struct vm_disk disks[] = {disk("/d", false), disk("/e", true)};
	const struct vm_config config = config_with(disks, 2);
	CLEANUP_STRVEC struct strvec argv = line_of(&config, false);
	static const bool read_only[] = {true, false, true}; /* the third is the root */

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(read_only); i++) {
		json_t *node = nth_node(&argv, i);
		json_t *file = json_object_get(node, "file");
		assert_int_equal(
			json_is_true(json_object_get(node, "read-only")), read_only[i]);
		assert_int_equal(
			json_is_true(json_object_get(file, "read-only")), read_only[i]);
		/* The root is shared by many VMs, and we have locked what is writable. */
		assert_string_equal(string_of(file, "locking"), i == 0 ? "auto" : "off");
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
	json_t *node = nth_node(&argv, 0);
	assert_string_equal(string_of(node, "driver"), "qcow2");
	assert_string_equal(
		string_of(json_object_get(node, "file"), "driver"), "host_device");
	json_decref(node);
}

static const char odd_name[] =
	"/d/a,b=c,readonly=off \"quoted\" \\back\\ ';x' -snapshot\n%s é file:json:{";

static void a_file_name_is_never_more_than_a_name(void **state)
{
	const struct vm_disk disks[] = {disk(odd_name, false)};
	const struct vm_disk simple[] = {disk("/d", false)};
	const struct vm_config config = config_with(disks, 1);
	const struct vm_config simple_config = config_with(simple, 1);
	CLEANUP_STRVEC struct strvec argv = line_of(&config, false);
	CLEANUP_STRVEC struct strvec plain = line_of(&simple_config, false);

	(void)state;
	assert_int_equal(argv.len, plain.len);
	json_t *node = nth_node(&argv, 0);
	assert_string_equal(
		string_of(json_object_get(node, "file"), "filename"), odd_name);
	assert_true(json_is_true(json_object_get(node, "read-only")));
	json_decref(node);
}

/* -drive has no JSON: there a comma ends the name, unless it is doubled. */
static void the_old_form_of_option_has_the_whole_name(void **state)
{
	const struct profile profile = profile_of("pc", "ide");
	struct vm_config config = config_with(NULL, 0);

	(void)state;
	config.root = "/c,readonly=off,/root";
	CLEANUP_STRVEC struct strvec argv = line_along(&config, &profile);
	const char *drive = value_of(&argv, "-drive", 0);
	assert_non_null(strstr(drive, ",snapshot=on,"));
	const char *name = strstr(drive, ",file.filename=");
	assert_string_equal(name, ",file.filename=/c,,readonly=off,,/root");
}

/* Each root bus: what carries the disk on a machine, NULL where it can't be. */
static void each_bus_has_its_device(void **state)
{
	static const struct {
		const char *bus, *pci, *mmio;
	} rows[] = {
		{"memmap", "nvdimm", NULL},
		{"virtio-pmem", "virtio-pmem-pci", NULL},
		{"virtio-blk", "virtio-blk-pci", "virtio-blk-device"},
		{"virtio-scsi", "scsi-hd", "scsi-hd"},
		{"scsi-cdrom", "scsi-cd", "scsi-cd"},
		{"nvme", "nvme", NULL},
		{"pmem", "nvdimm", NULL},
		{"ide", "ide-hd", NULL},
		{"ide-cdrom", "ide-cd", NULL},
	};
	const struct vm_config config = config_with(NULL, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct profile profile = profile_of("pc", rows[i].bus);
		CLEANUP_STRVEC struct strvec argv = line_along(&config, &profile);
		assert_non_null(nth_device(&argv, rows[i].pci, 0));
		profile.machine = machine_type_find("microvm");
		assert_int_equal(profile_fits(profile.machine, profile.root_bus),
			rows[i].mmio != NULL);
		if (!rows[i].mmio)
			continue;
		CLEANUP_STRVEC struct strvec mmio = line_along(&config, &profile);
		assert_non_null(nth_device(&mmio, rows[i].mmio, 0));
	}
	assert_null(root_bus_at(ARRAY_SIZE(rows)));
}

/* SeaBIOS would leave its tables where the initrd goes: no device is found then. */
static void a_microvm_has_a_firmware_that_keeps_its_tables(void **state)
{
	const struct vm_config config = config_with(NULL, 0);
	const struct profile microvm = profile_of("microvm", "virtio-blk");
	const struct profile pc = profile_of("pc", "virtio-blk");

	(void)state;
	CLEANUP_STRVEC struct strvec argv = line_along(&config, &microvm);
	assert_string_equal(value_of(&argv, "-bios", 0), "qboot.rom");
	CLEANUP_STRVEC struct strvec other = line_along(&config, &pc);
	assert_null(value_of(&other, "-bios", 0));
}

/* Whatever the bus: nothing that the guest does may reach the file. */
static void no_bus_may_write_to_the_root(void **state)
{
	const struct vm_config config = config_with(NULL, 0);
	const struct root_bus *bus;

	(void)state;
	for (size_t i = 0; (bus = root_bus_at(i)); i++) {
		const struct profile profile = profile_of("pc", bus->name);
		CLEANUP_STRVEC struct strvec argv = line_along(&config, &profile);
		const char *node = value_of(&argv, "-blockdev", 0);
		const char *drive = value_of(&argv, "-drive", 0);
		const char *object = value_of(&argv, "-object", 0);
		assert_int_equal(!!node + !!drive + !!object, 1);
		if (node)
			assert_null(strstr(node, "\"read-only\":false"));
		if (drive)
			assert_non_null(strstr(drive, ",snapshot=on,"));
		if (object)
			assert_non_null(strstr(object, "\"readonly\":true"));
	}
}

static void a_root_in_memory_has_room_for_itself(void **state)
{
	const struct profile profile = profile_of("pc", "pmem");
	const struct vm_config config = config_with(NULL, 0);
	CLEANUP_STRVEC struct strvec argv = line_along(&config, &profile);
	unsigned memory, most;

	(void)state;
	assert_int_equal(
		sscanf(value_of(&argv, "-m", 0), "%u,slots=1,maxmem=%uM", &memory, &most),
		2);
	assert_int_equal(memory, 256);
	assert_true(most >= 256 + 200);
	assert_string_equal(value_of(&argv, "-machine", 0), "pc,nvdimm=on");
}

/* However much memory the guest has: where the device is, there the kernel looks. */
static void the_kernel_is_told_where_the_root_is(void **state)
{
	static const struct {
		unsigned memory_mib;
		const char *device, *kernel;
	} rows[] = {
		{256, ",addr=0x140000000", " memmap=207618048!0x140000000"},
		{1024, ",addr=0x140000000", " memmap=207618048!0x140000000"},
		{8193, ",addr=0x340000000", " memmap=207618048!0x340000000"},
	};
	const struct profile profile = profile_of("pc", "memmap");
	struct vm_config config = config_with(NULL, 0);

	(void)state;
	config.root_size = 207618048;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		config.memory_mib = rows[i].memory_mib;
		CLEANUP_STRVEC struct strvec argv = line_along(&config, &profile);
		assert_non_null(strstr(nth_device(&argv, "nvdimm", 0), rows[i].device));
		assert_non_null(strstr(value_of(&argv, "-append", 0), rows[i].kernel));
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
		cmocka_unit_test(what_is_written_to_an_overlay_goes_elsewhere),
		cmocka_unit_test(a_placeholder_differs_by_its_content_alone),
		cmocka_unit_test(a_snapshot_has_a_generation_id_where_there_is_acpi),
		cmocka_unit_test(memory_that_others_resume_from_stays_as_it_is),
		cmocka_unit_test(directories_differ_by_what_is_behind_their_port_alone),
		cmocka_unit_test(a_microvm_has_its_disks_in_order_too),
		cmocka_unit_test(a_microvm_has_a_firmware_that_keeps_its_tables),
		cmocka_unit_test(only_the_root_has_the_roots_serial),
		cmocka_unit_test(what_is_not_said_to_be_writable_is_read_only),
		cmocka_unit_test(a_block_device_is_opened_as_one),
		cmocka_unit_test(a_file_name_is_never_more_than_a_name),
		cmocka_unit_test(the_old_form_of_option_has_the_whole_name),
		cmocka_unit_test(each_bus_has_its_device),
		cmocka_unit_test(no_bus_may_write_to_the_root),
		cmocka_unit_test(a_root_in_memory_has_room_for_itself),
		cmocka_unit_test(the_kernel_is_told_where_the_root_is),
		cmocka_unit_test(nothing_of_the_users_configuration_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
