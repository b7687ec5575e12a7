/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a snapshot depends on: each such thing changes its identity, and a user's disks do
 * not. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "fixture-machine.h"
#include "fixture-root.h"
#include "vm/snapshot.h"

struct start {
	struct fixture_root root;
	struct vm_config config;
	struct profile profile;
	size_t slots;
};

static const char *const files[] = {"qemu", "kernel", "initrd", "root"};

static int setup(void **state)
{
	struct start *s = xcalloc(1, sizeof(*s));

	fixture_root_init(&s->root);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		fixture_root_write(&s->root, files[i], "content");
	s->config = config_with(NULL, 0);
	s->config.qemu = fixture_root_place(&s->root, "qemu");
	s->config.kernel = fixture_root_place(&s->root, "kernel");
	s->config.initrd = fixture_root_place(&s->root, "initrd");
	s->config.root = fixture_root_place(&s->root, "root");
	s->profile = profile_of("pc", "memmap");
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct start *s = *state;

	fixture_root_done(&s->root);
	free((char *)s->config.qemu);
	free((char *)s->config.kernel);
	free((char *)s->config.initrd);
	free((char *)s->config.root);
	free(s);
	return 0;
}

static char *identity_of(const struct start *s)
{
	return snapshot_identity(&s->config, &s->profile, s->slots);
}

static void more_memory(struct start *s)
{
	s->config.memory_mib++;
}

static void more_cpus(struct start *s)
{
	s->config.cpus++;
}

static void another_uuid(struct start *s)
{
	s->config.root_uuid[0] = 'f';
}

static void a_larger_root(struct start *s)
{
	s->config.root_size += 4096;
}

static void more_slots(struct start *s)
{
	s->slots++;
}

static void another_machine(struct start *s)
{
	s->profile.machine = machine_type_find("q35");
}

static void another_bus(struct start *s)
{
	s->profile.root_bus = root_bus_find("virtio-pmem");
}

static void another_accelerator(struct start *s)
{
	s->profile.kvm = !s->profile.kvm;
}

static void plain(struct start *s)
{
	s->profile.plain = true;
}

static void another_clock(struct start *s)
{
	s->profile.tsc_khz = 1234567;
}

static void each_setting_counts(void **state)
{
	static void (*const changes[])(struct start * s) = {more_memory, more_cpus,
		another_uuid, a_larger_root, more_slots, another_machine, another_bus,
		another_accelerator, plain, another_clock};
	struct start *s = *state;
	CLEANUP_FREE char *before = identity_of(s);

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct start changed = *s;
		changes[i](&changed);
		CLEANUP_FREE char *after = identity_of(&changed);
		if (strcmp(before, after) == 0)
			fail_msg("change %zu makes no difference", i);
		CLEANUP_FREE char *again = identity_of(s);
		assert_string_equal(before, again);
	}
}

static struct vm_disk its_disk = {.sector = 512};
static struct vm_saved its_state = {.n_disks = 1, .has_network = true};

static char *saved_identity_of(const struct start *s)
{
	return snapshot_saved_identity(&s->config, &s->profile);
}

static void another_sector(struct start *s)
{
	static struct vm_disk other = {.sector = 4096};

	s->config.disks = &other;
}

static void no_network(struct start *s)
{
	static struct vm_saved other = {.n_disks = 1};

	s->config.saved = &other;
}

static void no_disk(struct start *s)
{
	static struct vm_saved other = {.has_network = true};

	s->config.saved = &other;
}

/* Neither what is attached to a copy, nor where files are now. */
static void what_is_no_device_of_the_state(struct start *s)
{
	static struct vm_disk more[] = {
		{.sector = 512, .overlay = true}, {.sector = 4096}};
	static const struct vm_network internet = {.internet = true};

	s->config.disks = more;
	s->config.n_disks = 2;
	s->config.network = &internet;
	s->config.root = "elsewhere";
	s->config.lasting = true;
}

static void the_devices_of_a_saved_state_count(void **state)
{
	static void (*const changes[])(struct start * s) = {more_memory, more_cpus,
		another_machine, another_accelerator, another_sector, no_network,
		no_disk};
	struct start *s = *state;

	s->config.saved = &its_state;
	s->config.disks = &its_disk;
	s->config.n_disks = 1;
	CLEANUP_FREE char *before = saved_identity_of(s);
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct start changed = *s;
		changes[i](&changed);
		CLEANUP_FREE char *after = saved_identity_of(&changed);
		if (strcmp(before, after) == 0)
			fail_msg("change %zu makes no difference", i);
	}
	struct start same = *s;
	what_is_no_device_of_the_state(&same);
	CLEANUP_FREE char *after = saved_identity_of(&same);
	assert_string_equal(before, after);
}

static void each_file_counts_by_name_size_and_time(void **state)
{
	struct start *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		CLEANUP_FREE char *path = fixture_root_place(&s->root, files[i]);
		CLEANUP_FREE char *moved = xasprintf("%s.moved", path);
		struct stat st;

		CLEANUP_FREE char *before = identity_of(s);
		fixture_root_write(&s->root, files[i], "changed");
		assert_int_equal(stat(path, &st), 0);
		struct timespec times[] = {st.st_mtim, st.st_mtim};
		times[1].tv_sec += 2;
		assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
		CLEANUP_FREE char *later = identity_of(s);
		assert_string_not_equal(before, later);
		fixture_root_write(&s->root, files[i], "content, and more");
		assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
		CLEANUP_FREE char *larger = identity_of(s);
		assert_string_not_equal(later, larger);
		assert_int_equal(rename(path, moved), 0);
		CLEANUP_FREE char *absent = identity_of(s);
		assert_string_not_equal(larger, absent);
		assert_int_equal(rename(moved, path), 0);
		CLEANUP_FREE char *back = identity_of(s);
		assert_string_equal(larger, back);
	}
}

/* A program with a build ID: this one. */
static char *portable_identity_of(const struct start *s)
{
	struct vm_config config = s->config;

	config.qemu = "/proc/self/exe";
	return snapshot_portable_identity(&config, &s->profile, NULL);
}

static void nothing_of_the_host_but_qemu_counts_for_a_portable_one(void **state)
{
	static void (*const changes[])(struct start * s) = {more_memory, more_cpus,
		another_uuid, a_larger_root, another_machine, another_bus, plain};
	struct start *s = *state;
	struct utsname host;

	s->profile.portable = true;
	CLEANUP_FREE char *before = portable_identity_of(s);
	if (!before)
		skip(); /* This linker makes no build IDs. */
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct start changed = *s;
		changes[i](&changed);
		CLEANUP_FREE char *after = portable_identity_of(&changed);
		if (strcmp(before, after) == 0)
			fail_msg("change %zu makes no difference", i);
	}
	assert_int_equal(uname(&host), 0);
	assert_null(strstr(before, host.version));
	assert_null(strstr(before, s->root.path));
	assert_null(strstr(before, "/proc/self/exe"));
	struct start elsewhere = *s;
	elsewhere.config.root = "/another/place";
	elsewhere.config.kernel = "/another/kernel";
	elsewhere.config.fixed = "contents";
	strcpy(elsewhere.config.timezone, "CET-1");
	CLEANUP_FREE char *after = portable_identity_of(&elsewhere);
	assert_string_equal(before, after);
	/* A script may start any qemu. */
	assert_null(snapshot_portable_identity(&s->config, &s->profile, NULL));
}

/* Whoever made it says what is in it, and gives its files any size and time. */
static void a_strangers_appliance_counts_by_what_nobody_can_choose(void **state)
{
	struct start *s = *state;
	const char *const parts[VM_PARTS] = {
		s->config.kernel, s->config.initrd, s->config.root};
	int open_parts[VM_PARTS];

	for (size_t i = 0; i < VM_PARTS; i++) {
		open_parts[i] = open(parts[i], O_RDONLY | O_CLOEXEC);
		assert_true(open_parts[i] >= 0);
	}
	s->config.fixed = "contents";
	s->config.part_fds = open_parts;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		CLEANUP_FREE char *path = fixture_root_place(&s->root, files[i]);
		struct stat st;

		if (strcmp(files[i], "qemu") == 0)
			continue;
		CLEANUP_FREE char *before = identity_of(s);
		assert_int_equal(stat(path, &st), 0);
		const struct timespec times[] = {st.st_mtim, st.st_mtim};
		/* The clock of the time of change moves by ticks. */
		usleep(20000);
		fixture_root_write(&s->root, files[i], "CONTENT");
		assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
		CLEANUP_FREE char *after = identity_of(s);
		assert_string_not_equal(before, after);
	}
	CLEANUP_FREE char *before = identity_of(s);
	s->config.fixed = "other contents";
	CLEANUP_FREE char *after = identity_of(s);
	assert_string_not_equal(before, after);

	/* What has one of the names by now is not what is booted. */
	CLEANUP_FREE char *other = fixture_root_place(&s->root, "other");
	fixture_root_write(&s->root, "other", "CONTENT");
	assert_int_equal(rename(other, parts[VM_ROOT]), 0);
	CLEANUP_FREE char *exchanged = identity_of(s);
	close(open_parts[VM_ROOT]);
	open_parts[VM_ROOT] = open(parts[VM_ROOT], O_RDONLY | O_CLOEXEC);
	CLEANUP_FREE char *reopened = identity_of(s);
	assert_string_not_equal(exchanged, reopened);
	for (size_t i = 0; i < VM_PARTS; i++)
		close(open_parts[i]);
}

/* Of this host, so it can't be changed here. */
static void the_host_counts(void **state)
{
	CLEANUP_FREE char *identity = identity_of(*state);
	char line[8192];
	struct utsname host;
	unsigned found = 0;

	assert_int_equal(uname(&host), 0);
	assert_non_null(strstr(identity, host.release));
	assert_non_null(strstr(identity, host.version));
	FILE *f = fopen("/proc/cpuinfo", "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) && *line != '\n')
		if (strncmp(line, "flags", 5) == 0 || strncmp(line, "Features", 8) == 0) {
			assert_non_null(strstr(identity, line));
			found++;
		}
	fclose(f);
	assert_int_equal(found, 1);
}

static char *processor(const char *cpuinfo)
{
	CLEANUP_FREE char *copy = xstrdup(cpuinfo);
	struct strbuf sb = {0};

	snapshot_add_processor(copy, &sb);
	return strbuf_detach(&sb);
}

static void what_a_processor_can_do_counts_and_how_it_fares_does_not(void **state)
{
	static const char first[] =
		"vendor_id : A\ncpu family : 6\nmodel : 1\nmodel name : B\nstepping : 3\n"
		"cpu MHz : 1\nflags : fpu\n";
	static const char *const others[] = {"vendor_id : X\n", "cpu family : 7\n",
		"model : 2\n", "model name : C\n", "stepping : 4\n", "flags : fpu vme\n",
		"Features : fp\n", "CPU implementer : 1\n", "CPU part : 2\n",
		"CPU variant : 3\n"};
	CLEANUP_FREE char *before = processor(first);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		CLEANUP_FREE char *text = xasprintf("%s%s", others[i], first);
		CLEANUP_FREE char *after = processor(text);
		assert_string_not_equal(before, after);
	}
	CLEANUP_FREE char *faster = xasprintf("%scpu MHz : 2\nbogomips : 3\n", first);
	CLEANUP_FREE char *same = processor(faster);
	assert_string_equal(before, same);
	CLEANUP_FREE char *second = xasprintf("%s\nflags : other\n", first);
	CLEANUP_FREE char *one = processor(second);
	assert_string_equal(before, one);
}

static void what_a_user_attaches_does_not_count(void **state)
{
	struct vm_disk disks[] = {{.path = (char *)"/the/user.img",
		.format = (char *)"raw",
		.writable = true,
		.sector = 4096}};
	struct start *s = *state;

	CLEANUP_FREE char *before = identity_of(s);
	s->config.disks = disks;
	s->config.n_disks = 1;
	s->config.boot_timeout_ms++;
	CLEANUP_FREE char *after = identity_of(s);
	assert_string_equal(before, after);
	assert_null(strstr(after, "user.img"));
}

/* A qemu that turns out to have no filter of its own still finds the snapshot. */
static void qemus_own_filter_does_not_count(void **state)
{
	struct start *s = *state;

	CLEANUP_FREE char *before = identity_of(s);
	s->config.sandbox = true;
	CLEANUP_FREE char *after = identity_of(s);
	assert_string_equal(before, after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_setting_counts),
		TEST(the_devices_of_a_saved_state_count),
		TEST(each_file_counts_by_name_size_and_time),
		TEST(a_strangers_appliance_counts_by_what_nobody_can_choose),
		TEST(nothing_of_the_host_but_qemu_counts_for_a_portable_one),
		TEST(the_host_counts),
		TEST(what_a_processor_can_do_counts_and_how_it_fares_does_not),
		TEST(what_a_user_attaches_does_not_count),
		TEST(qemus_own_filter_does_not_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
