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
#include "vm/initcalls.h"
#include "vm/machine.h"

static const struct machine_fds fds = {.agent = 10, .qmp = 11, .console = 12};

static struct vm_config config_with(const struct vm_disk *disks, size_t n)
{
	return (struct vm_config){
		.qemu = "/usr/bin/qemu",
		.kernel = "/c/kernel",
		.initrd = "/c/initrd",
		.root = "/c/root",
		.root_size = 200 << 20,
		.boot_timeout_ms = 120000,
		.root_uuid = "01234567-89ab-cdef-0123-456789abcdef",
		.memory_mib = 256,
		.cpus = 1,
		.disks = disks,
		.n_disks = n,
	};
}

static struct profile profile_of(const char *machine, const char *root_bus)
{
	const struct profile p = {.machine = machine_type_find(machine),
		.root_bus = root_bus_find(root_bus),
		.cpus = 1};

	assert_non_null(p.machine);
	assert_non_null(p.root_bus);
	return p;
}

static struct strvec line_along(
	const struct vm_config *config, const struct profile *profile)
{
	struct strvec argv = {0};

	machine_argv(config, profile, &fds, &argv);
	return argv;
}

static struct profile usual(const struct vm_config *config, bool kvm)
{
	struct profile profile = profile_of("pc", "virtio-blk");

	profile.kvm = kvm;
	profile.cpus = config->cpus;
	return profile;
}

static struct strvec line_of(const struct vm_config *config, bool kvm)
{
	const struct profile profile = usual(config, kvm);
	return line_along(config, &profile);
}

/* The nth value of an option, or NULL. */
static const char *value_of(const struct strvec *argv, const char *option, size_t n)
{
	for (size_t i = 0; i + 1 < argv->len; i++)
		if (strcmp(argv->items[i], option) == 0 && n-- == 0)
			return argv->items[i + 1];
	return NULL;
}

static bool is_of(const char *device, const char *driver)
{
	size_t len = strlen(driver);
	return strncmp(device, driver, len) == 0 && (!device[len] || device[len] == ',');
}

/* The nth -device of this driver; NULL behind the last. */
static const char *nth_device(const struct strvec *argv, const char *driver, size_t n)
{
	const char *value;

	for (size_t i = 0; (value = value_of(argv, "-device", i)); i++)
		if (is_of(value, driver) && n-- == 0)
			return value;
	return NULL;
}

/* Does a device have this property? */
static bool has(const char *device, const char *property)
{
	CLEANUP_FREE char *padded = xasprintf("%s,", device ? device : "");
	CLEANUP_FREE char *word = xasprintf(",%s,", property);

	return strstr(padded, word) != NULL;
}

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

/* A snapshot's devices have to be those of the VM that goes on from it. */
static void a_stand_in_differs_by_its_content_alone(void **state)
{
	const struct vm_disk disks[] = {disk("/d/one", false)};
	struct vm_config with_disk = config_with(disks, 1);
	struct vm_config with_place = config_with(NULL, 0);

	(void)state;
	with_place.places = 1;
	CLEANUP_STRVEC struct strvec line = line_of(&with_disk, false);
	CLEANUP_STRVEC struct strvec place = line_of(&with_place, false);
	assert_int_equal(line.len, place.len);
	for (size_t i = 0; i < line.len; i++)
		if (strcmp(line.items[i], place.items[i]) != 0) {
			assert_string_equal(line.items[i - 1], "-blockdev");
			assert_non_null(strstr(line.items[i], "/d/one"));
			assert_non_null(strstr(place.items[i], "\"null-co\""));
		}
}

/* By ACPI a kernel with the driver hears that it goes on from a snapshot. */
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
					 "serial=" VM_ROOT_SERIAL),
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

static bool has_vectors(const struct vm_config *config, bool kvm)
{
	CLEANUP_STRVEC struct strvec argv = line_of(config, kvm);
	bool disk_has = !has(nth_device(&argv, "virtio-blk-pci", 0), "vectors=0");
	bool agent_has = !has(nth_device(&argv, "virtio-serial-pci", 0), "vectors=0");

	assert_int_equal(disk_has, agent_has);
	return disk_has;
}

static bool option_is_given(
	const struct vm_config *config, const struct profile *profile, const char *option)
{
	CLEANUP_FREE char *line = machine_kernel_command_line(config, profile);
	CLEANUP_FREE char *padded = xasprintf(" %s ", line);
	CLEANUP_FREE char *word = xasprintf(" %s ", option);

	return strstr(padded, word) != NULL;
}

static void has_option(
	const struct vm_config *config, bool kvm, const char *option, bool expected)
{
	const struct profile profile = usual(config, kvm);
	assert_int_equal(option_is_given(config, &profile, option), expected);
}

static void one_emulated_cpu_does_without_acpi(void **state)
{
	struct vm_config config = config_with(NULL, 0);

	(void)state;
	has_option(&config, false, "acpi=off", true);
	has_option(&config, false, "nolapic", true);
	assert_false(has_vectors(&config, false));
	has_option(&config, true, "acpi=off", false);
	has_option(&config, true, "nolapic", false);
	assert_true(has_vectors(&config, true));
	/* Several need the tables to find each other. */
	config.cpus = 4;
	has_option(&config, false, "acpi=off", false);
	has_option(&config, false, "nolapic", false);
	assert_true(has_vectors(&config, false));
	CLEANUP_STRVEC struct strvec argv = line_of(&config, false);
	assert_string_equal(value_of(&argv, "-smp", 0), "4");
}

static void a_plain_profile_changes_nothing_for_speed(void **state)
{
	const struct vm_config config = config_with(NULL, 0);
	struct profile profile = usual(&config, false);

	(void)state;
	profile.plain = true;
	CLEANUP_FREE char *line = machine_kernel_command_line(&config, &profile);
	assert_string_equal(line,
		"console=ttyS0 panic=-1 quiet no_timer_check "
		"root=UUID=01234567-89ab-cdef-0123-456789abcdef "
		"hypermin.root_serial=hypermin-root hypermin.root_timeout=30");
}

/* A host that is busy delivers fewer ticks than the kernel would count. */
static void an_emulated_timer_is_not_put_to_the_test(void **state)
{
	const struct vm_config config = config_with(NULL, 0);

	(void)state;
	has_option(&config, false, "no_timer_check", true);
	has_option(&config, true, "no_timer_check", false);
}

/* Where emulation makes it dear, and nowhere else. */
static void parts_of_the_kernel_are_left_out_under_emulation_alone(void **state)
{
	const struct vm_config config = config_with(NULL, 0);
	struct profile profile = usual(&config, false);
	const struct skipped_initcall *skipped;
	CLEANUP_STRBUF struct strbuf losses = {0};

	(void)state;
	CLEANUP_FREE char *line = machine_kernel_command_line(&config, &profile);
	const char *option = strstr(line, " initcall_blacklist=");
	assert_non_null(option);
	initcalls_add_losses(&losses);
	for (size_t i = 0; (skipped = skipped_initcall_at(i)); i++) {
		assert_non_null(strstr(option, skipped->name));
		assert_non_null(strstr(losses.data, skipped->loses));
	}
	profile.kvm = true;
	CLEANUP_FREE char *kvm = machine_kernel_command_line(&config, &profile);
	assert_null(strstr(kvm, "initcall_blacklist"));
}

/* An emulated one has nothing by which to find it out itself. */
static void a_microvm_is_told_how_fast_its_clock_runs(void **state)
{
	const struct vm_config config = config_with(NULL, 0);
	struct profile profile = profile_of("microvm", "virtio-blk");

	(void)state;
	profile.tsc_khz = 2445424;
	assert_true(option_is_given(&config, &profile, "tsc_early_khz=2445424"));
	profile.kvm = true;
	assert_false(option_is_given(&config, &profile, "tsc_early_khz=2445424"));
}

/* Where the modules of the routes lead, and that none is for another processor. */
static void each_architecture_has_its_machines(void **state)
{
	static const struct {
		const char *architecture, *machine;
	} rows[] = {{"x86_64", "pc"}, {"aarch64", "virt"}};
	struct vm_routes routes;
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct vm_wishes any = {.architecture = rows[i].architecture};
		const struct vm_wishes others = {.architecture = rows[i].architecture,
			.machine = rows[1 - i].machine};
		assert_int_equal(vm_routes_find(&any, &routes, &err), 0);
		assert_string_equal(routes.items[0].machine, rows[i].machine);
		vector_foreach (route, &routes)
			assert_string_equal(machine_type_find(route->machine)
						    ->processor->architecture,
				rows[i].architecture);
		vm_routes_done(&routes);
		assert_int_equal(vm_routes_find(&others, &routes, &err), -1);
		assert_non_null(strstr(err.msg, rows[i].architecture));
	}
}

/* No processor but x86 has what these are about. */
static void an_arm_machine_is_told_nothing_of_a_pc(void **state)
{
	static const char *const options[] = {"acpi=off", "nolapic", "noreplace-smp",
		"no_timer_check", "tsc=reliable", "tsc_early_khz=2445424"};
	const struct vm_config config = config_with(NULL, 0);
	struct profile profile = profile_of("virt", "virtio-blk");

	(void)state;
	profile.tsc_khz = 2445424;
	CLEANUP_STRVEC struct strvec argv = line_along(&config, &profile);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		assert_false(option_is_given(&config, &profile, options[i]));
	assert_true(option_is_given(&config, &profile, "console=ttyAMA0"));
	assert_true(option_is_given(&config, &profile, "cryptomgr.notests"));
	assert_string_equal(value_of(&argv, "-cpu", 0), "cortex-a72");
	assert_false(has(nth_device(&argv, "virtio-blk-pci", 0), "vectors=0"));
	profile.kvm = true;
	CLEANUP_STRVEC struct strvec kvm = line_along(&config, &profile);
	assert_string_equal(value_of(&kvm, "-cpu", 0), "host");
}

static void a_root_is_on_no_bus_that_arm_machines_lack(void **state)
{
	static const char *const absent[] = {"memmap", "pmem", "ide", "ide-cdrom"};
	const struct machine_type *virt = machine_type_find("virt");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		assert_false(profile_fits(virt, root_bus_find(absent[i])));
	assert_true(profile_fits(virt, root_bus_find("nvme")));
}

static void the_kernel_is_told_its_root(void **state)
{
	const struct vm_config config = config_with(NULL, 0);

	(void)state;
	for (int kvm = 0; kvm < 2; kvm++) {
		const struct profile profile = usual(&config, kvm);
		CLEANUP_STRVEC struct strvec argv = line_of(&config, kvm);
		has_option(&config, kvm, "root=UUID=01234567-89ab-cdef-0123-456789abcdef",
			true);
		has_option(&config, kvm, "hypermin.root_serial=" VM_ROOT_SERIAL, true);
		has_option(&config, kvm, "panic=-1", true);
		CLEANUP_FREE char *line = machine_kernel_command_line(&config, &profile);
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
		cmocka_unit_test(a_stand_in_differs_by_its_content_alone),
		cmocka_unit_test(a_snapshot_has_a_generation_id_where_there_is_acpi),
		cmocka_unit_test(a_microvm_has_its_disks_in_order_too),
		cmocka_unit_test(only_the_root_has_the_roots_serial),
		cmocka_unit_test(what_is_not_said_to_be_writable_is_read_only),
		cmocka_unit_test(a_block_device_is_opened_as_one),
		cmocka_unit_test(a_file_name_is_never_more_than_a_name),
		cmocka_unit_test(the_old_form_of_option_has_the_whole_name),
		cmocka_unit_test(each_bus_has_its_device),
		cmocka_unit_test(no_bus_may_write_to_the_root),
		cmocka_unit_test(a_root_in_memory_has_room_for_itself),
		cmocka_unit_test(the_kernel_is_told_where_the_root_is),
		cmocka_unit_test(one_emulated_cpu_does_without_acpi),
		cmocka_unit_test(an_emulated_timer_is_not_put_to_the_test),
		cmocka_unit_test(a_plain_profile_changes_nothing_for_speed),
		cmocka_unit_test(parts_of_the_kernel_are_left_out_under_emulation_alone),
		cmocka_unit_test(a_microvm_is_told_how_fast_its_clock_runs),
		cmocka_unit_test(each_architecture_has_its_machines),
		cmocka_unit_test(an_arm_machine_is_told_nothing_of_a_pc),
		cmocka_unit_test(a_root_is_on_no_bus_that_arm_machines_lack),
		cmocka_unit_test(the_kernel_is_told_its_root),
		cmocka_unit_test(nothing_of_the_users_configuration_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
