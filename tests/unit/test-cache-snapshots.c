/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMs run a snapshot as it is, so one that has changed since it was published is not found. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/directory.h"
#include "cache/kinds.h"
#include "cache/snapshots.h"
#include "cache/store.h"
#include "fixture-root.h"

static const char identity[] = "a VM";
static const struct snapshot_about about = {
	.identity = identity,
	.appliance = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	.memory_mib = 1,
	.cpus = 1,
};

struct fixture {
	struct fixture_root root;
	struct cache cache;
	/* Of the snapshot's files. */
	char *ram, *state;
};

static int setup(void **state)
{
	static struct fixture f;
	CLEANUP_STRVEC struct strvec keys = {0};

	fixture_root_init(&f.root);
	CLEANUP_FREE char *path = fixture_root_place(&f.root, "cache");
	assert_int_equal(cache_open(path, &f.cache, NULL), 0);
	CLEANUP_CLOSE int ram = open(f.root.path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	CLEANUP_CLOSE int device =
		open(f.root.path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct snapshot_files files = {ram, device};
	assert_int_equal(io_pwrite_full(ram, "page", 4, 8192), 0);
	assert_int_equal(ftruncate(ram, 65536), 0);
	assert_int_equal(io_pwrite_full(device, "state", 5, 0), 0);
	assert_int_equal(snapshots_publish(&f.cache, &about, &files, NULL), 0);
	store_list(&f.cache, STORE_SNAPSHOTS, &keys);
	assert_int_equal(keys.len, 1);
	f.ram = xasprintf("%s/snapshots/%s/ram", f.cache.path, keys.items[0]);
	f.state = xasprintf("%s/snapshots/%s/state", f.cache.path, keys.items[0]);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fixture_root_done(&f->root);
	cache_close(&f->cache);
	free(f->ram);
	free(f->state);
	return 0;
}

static enum snapshots_found find(const struct fixture *f, const char *text)
{
	struct snapshot_files found;
	enum snapshots_found result = snapshots_find(&f->cache, text, &found);

	if (result == SNAPSHOTS_FOUND) {
		close(found.ram_fd);
		close(found.state_fd);
	}
	return result;
}

/* Write, and give the file the time that it had. */
static void change(const char *path, const char *text)
{
	struct stat st;
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(io_pwrite_full(fd, text, strlen(text), 0), 0);
	const struct timespec times[] = {st.st_atim, st.st_mtim};
	assert_int_equal(futimens(fd, times), 0);
}

static void it_is_found_by_its_identity(void **state)
{
	assert_int_equal(find(*state, identity), SNAPSHOTS_FOUND);
	assert_int_equal(find(*state, identity), SNAPSHOTS_FOUND);
	assert_int_equal(find(*state, "another VM"), SNAPSHOTS_NONE);
}

/* As many bytes, and the old time: only the time of change tells. */
static void memory_that_was_written_to_is_not_used(void **state)
{
	const struct fixture *f = *state;

	change(f->ram, "x");
	assert_int_equal(find(f, identity), SNAPSHOTS_NONE);
	/* And is removed. */
	assert_int_equal(access(f->ram, F_OK), -1);
}

static void another_file_in_the_memorys_place_is_not_used(void **state)
{
	const struct fixture *f = *state;
	CLEANUP_FREE char *copy = xasprintf("cp -p %s %s.copy", f->ram, f->ram);
	CLEANUP_FREE char *name = xasprintf("%s.copy", f->ram);

	assert_int_equal(system(copy), 0);
	assert_int_equal(rename(name, f->ram), 0);
	assert_int_equal(find(f, identity), SNAPSHOTS_NONE);
}

static void a_state_that_was_written_to_is_not_used(void **state)
{
	const struct fixture *f = *state;

	change(f->state, "S");
	assert_int_equal(find(f, identity), SNAPSHOTS_NONE);
}

static void a_refusal_is_remembered_until_there_is_one(void **state)
{
	const struct fixture *f = *state;
	struct snapshot_about other = about;
	CLEANUP_CLOSE int ram = open(f->ram, O_RDWR | O_CLOEXEC);
	CLEANUP_CLOSE int device = open(f->state, O_RDONLY | O_CLOEXEC);
	struct snapshot_files files = {ram, device};

	other.identity = "a VM that can't be saved";
	snapshots_refuse(&f->cache, &other, "qemu says no");
	assert_int_equal(find(f, other.identity), SNAPSHOTS_REFUSED);
	assert_int_equal(snapshots_publish(&f->cache, &other, &files, NULL), 0);
	assert_int_equal(find(f, other.identity), SNAPSHOTS_FOUND);
}

/* Many appliances are made in the same place, one after the other. */
static void it_is_of_no_use_without_its_root(void **state)
{
	const struct fixture *f = *state;
	CLEANUP_FREE char *root = fixture_root_place(&f->root, "root");
	CLEANUP_FREE char *younger = fixture_root_place(&f->root, "younger");
	CLEANUP_STRVEC struct strvec keys = {0};
	struct snapshot_about other = about;
	CLEANUP_CLOSE int ram = open(f->ram, O_RDWR | O_CLOEXEC);
	CLEANUP_CLOSE int device = open(f->state, O_RDONLY | O_CLOEXEC);
	struct snapshot_files files = {ram, device};

	close(open(root, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	close(open(younger, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	other.identity = "a VM with a root of its own";
	other.appliance = NULL;
	other.root = root;
	assert_int_equal(snapshots_publish(&f->cache, &other, &files, NULL), 0);
	store_list(&f->cache, STORE_SNAPSHOTS, &keys);
	assert_int_equal(keys.len, 2);
	struct store_item item = {.key = keys.items[0]};
	if (strstr(f->state, item.key))
		item.key = keys.items[1];
	assert_null(snapshots_judge(&f->cache, &item));
	assert_int_equal(rename(younger, root), 0);
	assert_string_equal(snapshots_judge(&f->cache, &item), "its appliance is gone");
	unlink(root);
	assert_string_equal(snapshots_judge(&f->cache, &item), "its appliance is gone");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_found_by_its_identity),
		TEST(memory_that_was_written_to_is_not_used),
		TEST(another_file_in_the_memorys_place_is_not_used),
		TEST(a_state_that_was_written_to_is_not_used),
		TEST(a_refusal_is_remembered_until_there_is_one),
		TEST(it_is_of_no_use_without_its_root),
	};
	return cmocka_run_group_tests_name("cache-snapshots", tests, NULL, NULL);
}
