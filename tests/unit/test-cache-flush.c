/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After a power cut the cache holds nothing that is not whole: each file and directory is on
 * the disk before the rename that publishes it. This program has fsync(), fdatasync() and
 * renameat() of its own, which the cache's code calls instead of the C library's.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/directory.h"
#include "base/file.h"
#include "cache/manifest.h"
#include "cache/request.h"
#include "cache/snapshots.h"
#include "fixture-cache.h"

static const char key[] =
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* As each was when it was flushed. */
static struct {
	struct stat *items;
	size_t len;
	size_t cap;
} flushed;
/* "RENAMED-TO" or "RENAMED-TO: FILE was not flushed", in order. */
static struct strvec renames;

static int note_flush(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	vector_push(&flushed, st);
	return 0;
}

int fsync(int fd)
{
	return note_flush(fd);
}

int fdatasync(int fd)
{
	return note_flush(fd);
}

/* A link to a file changes its time of change, but nothing that would be lost. */
static bool is_flushed(const struct stat *st)
{
	vector_foreach (f, &flushed)
		if (file_is_same(f, st) && f->st_size == st->st_size &&
			f->st_mtim.tv_sec == st->st_mtim.tv_sec &&
			f->st_mtim.tv_nsec == st->st_mtim.tv_nsec)
			return true;
	return false;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	CLEANUP_STRVEC struct strvec names = {0};
	struct stat st;

	fstatat(from_dir, from, &st, AT_SYMLINK_NOFOLLOW);
	if (strncmp(to, "temporary/", 10) != 0) {
		strvec_addf(&renames, "%.*s%s", (int)strcspn(to, "/"), to,
			is_flushed(&st) ? "" : ": it was not flushed");
		if (S_ISDIR(st.st_mode))
			directory_list(from_dir, from, 0, &names);
		vector_foreach (name, &names) {
			CLEANUP_FREE char *path = xasprintf("%s/%s", from, *name);
			fstatat(from_dir, path, &st, AT_SYMLINK_NOFOLLOW);
			if (!is_flushed(&st))
				strvec_addf(&renames, "%s was not flushed", *name);
		}
	}
	return syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

static int forget(void **state)
{
	strvec_done(&renames);
	vector_done(&flushed);
	return teardown(state);
}

static void write_file(int dir_fd, const char *name)
{
	CLEANUP_CLOSE int fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_int_equal(io_write_full(fd, "text", 4), 0);
}

static void expect_renames(const char *expected)
{
	assert_int_equal(renames.len, 1);
	assert_string_equal(renames.items[0], expected);
}

static void a_directory_and_all_that_is_in_it(void **state)
{
	const struct fixture *f = *state;
	CLEANUP_DRAFT struct draft d = {0};
	CLEANUP_JSON json_t *manifest = manifest_new("appliance", key);

	assert_int_equal(draft_open(&f->cache, &d, NULL), 0);
	write_file(d.fd, "kernel");
	write_file(d.fd, "root");
	assert_int_equal(draft_publish(&d, STORE_APPLIANCES, key, manifest, NULL), 0);
	expect_renames("appliances");
}

static void a_request(void **state)
{
	const struct fixture *f = *state;
	char version[] = "6.1", route[] = "pc", parts[] = "";
	struct entry e = {.kernel_version = version, .route = route, .parts = parts};
	struct stamp stamp = {0};

	strcpy(e.key, key);
	assert_int_equal(request_write(&f->cache, key, &e, &stamp, NULL), 0);
	expect_renames("requests");
}

static void a_snapshot(void **state)
{
	const struct fixture *f = *state;
	const struct snapshot_about about = {.identity = "a VM", .appliance = key};
	CLEANUP_FREE char *path = fixture_root_place(&f->root, "source");
	CLEANUP_CLOSE int ram = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CLEANUP_CLOSE int memory =
		open(f->root.path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct snapshot_files files = {ram, memory};

	assert_int_equal(io_pwrite_full(ram, "page", 4, 8192), 0);
	assert_int_equal(ftruncate(ram, 65536), 0);
	assert_int_equal(io_pwrite_full(memory, "state", 5, 0), 0);
	assert_int_equal(snapshots_publish(&f->cache, &about, &files, NULL), 0);
	expect_renames("snapshots");
	/* What was published is found. */
	struct snapshot_files found;
	assert_int_equal(snapshots_find(&f->cache, "a VM", &found), SNAPSHOTS_FOUND);
	close(found.ram_fd);
	close(found.state_fd);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, forget)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_directory_and_all_that_is_in_it),
		TEST(a_request),
		TEST(a_snapshot),
	};
	return cmocka_run_group_tests_name("cache-flush", tests, NULL, NULL);
}
