/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What follows from a profile: what the kernel is told, and what the machine has. */
#include "fixture-machine.h"
#include "protocol/boot.h"
#include "vm/initcalls.c"

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
	CLEANUP_STRBUF struct strbuf losses = {0};

	(void)state;
	CLEANUP_FREE char *line = machine_kernel_command_line(&config, &profile);
	const char *option = strstr(line, " initcall_blacklist=");
	assert_non_null(option);
	initcalls_add_losses(false, &losses);
	/* What a command may be about stays, unless that was asked for. */
	for (size_t i = 0; i < ARRAY_SIZE(skipped); i++) {
		assert_int_equal(!strstr(option, skipped[i].name), skipped[i].has_users);
		assert_int_equal(
			!strstr(losses.data, skipped[i].loses), skipped[i].has_users);
	}
	profile.lean = true;
	CLEANUP_FREE char *lean = machine_kernel_command_line(&config, &profile);
	initcalls_add_losses(true, &losses);
	for (size_t i = 0; i < ARRAY_SIZE(skipped); i++) {
		assert_non_null(strstr(lean, skipped[i].name));
		assert_non_null(strstr(losses.data, skipped[i].loses));
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

/* The time stamp counter is the host's. */
static void a_portable_guest_has_a_clock_of_qemus(void **state)
{
	const struct vm_config config = config_with(NULL, 0);
	struct profile profile = profile_of("pc", "memmap");

	(void)state;
	assert_false(option_is_given(&config, &profile, "tsc=unstable"));
	profile.portable = true;
	assert_true(option_is_given(&config, &profile, "tsc=unstable"));
	assert_true(option_is_given(&config, &profile, "pmtmr=0x608"));
	assert_false(option_is_given(&config, &profile, "tsc=reliable"));
	/* With ACPI its tables say where the timer is. */
	profile.cpus = 2;
	assert_true(option_is_given(&config, &profile, "tsc=unstable"));
	assert_false(option_is_given(&config, &profile, "pmtmr=0x608"));
	profile.machine = machine_type_find("virt");
	assert_false(option_is_given(&config, &profile, "tsc=unstable"));
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
		has_option(&config, kvm, "hypermin.root_serial=" ROOT_SERIAL, true);
		has_option(&config, kvm, "panic=-1", true);
		CLEANUP_FREE char *line = machine_kernel_command_line(&config, &profile);
		assert_string_equal(value_of(&argv, "-append", 0), line);
		assert_string_equal(value_of(&argv, "-kernel", 0), "/c/kernel");
		assert_string_equal(value_of(&argv, "-initrd", 0), "/c/initrd");
		assert_string_equal(value_of(&argv, "-m", 0), "256");
		assert_string_equal(value_of(&argv, "-accel", 0), kvm ? "kvm" : "tcg");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_emulated_cpu_does_without_acpi),
		cmocka_unit_test(a_plain_profile_changes_nothing_for_speed),
		cmocka_unit_test(an_emulated_timer_is_not_put_to_the_test),
		cmocka_unit_test(parts_of_the_kernel_are_left_out_under_emulation_alone),
		cmocka_unit_test(a_microvm_is_told_how_fast_its_clock_runs),
		cmocka_unit_test(a_portable_guest_has_a_clock_of_qemus),
		cmocka_unit_test(each_architecture_has_its_machines),
		cmocka_unit_test(an_arm_machine_is_told_nothing_of_a_pc),
		cmocka_unit_test(a_root_is_on_no_bus_that_arm_machines_lack),
		cmocka_unit_test(the_kernel_is_told_its_root),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
