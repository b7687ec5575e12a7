/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store: published whole, held while used, removed when nobody holds it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "cache/collect.h"
#include "cache/manifest.h"
#include "cache/verify.h"
#include "fixture-cache.h"

static const char key[] =
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static size_t count(const struct fixture *f, enum store_kind kind)
{
	CLEANUP_STRVEC struct strvec keys = {0};

	store_list(&f->cache, kind, &keys);
	return keys.len;
}

static void write_file(int dir_fd, const char *name, const char *text)
{
	CLEANUP_CLOSE int fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
}

static int publish(const struct fixture *f, enum store_kind kind, const char *text)
{
	CLEANUP_DRAFT struct draft d = {0};
	CLEANUP_JSON json_t *manifest = manifest_new(store_kinds[kind].word, key);
	struct error err;

	json_object_set_new(manifest, "appliance", json_string(key));
	assert_int_equal(draft_open(&f->cache, &d, &err), 0);
	write_file(d.fd, "data", text);
	return draft_publish(&d, kind, key, manifest, &err);
}

static enum store_verified verify(const struct fixture *f, struct error *err)
{
	CLEANUP(digests_done) struct digests digests = {0};

	return store_verify(&f->cache, STORE_APPLIANCES, key, &digests, err);
}

static void what_is_published_is_whole_and_verified(void **state)
{
	const struct fixture *f = *state;
	struct store_hold hold;
	struct error err;

	assert_false(store_hold(&f->cache, STORE_APPLIANCES, key, &hold));
	assert_int_equal(publish(f, STORE_APPLIANCES, "text"), 0);
	assert_true(store_hold(&f->cache, STORE_APPLIANCES, key, &hold));
	store_release(&hold);
	assert_int_equal(verify(f, &err), STORE_SOUND);
	assert_int_equal(count(f, STORE_TEMPORARY), 0);
	assert_int_equal(count(f, STORE_LOCKS), 0);
	/* The second to publish it gets the first one's. */
	assert_int_equal(publish(f, STORE_APPLIANCES, "other"), 0);
	CLEANUP_FREE char *path = xasprintf("appliances/%s/data", key);
	CLEANUP_FREE char *data = NULL;
	size_t len;
	assert_int_equal(io_read_file(f->cache.fd, path, 100, &data, &len, NULL), 0);
	assert_string_equal(data, "text");
	assert_int_equal(count(f, STORE_TEMPORARY), 0);
}

static void expect_damaged(const struct fixture *f, const char *why)
{
	struct error err;

	assert_int_equal(verify(f, &err), STORE_DAMAGED);
	if (!strstr(err.msg, why))
		fail_msg("'%s' is not in '%s'", why, err.msg);
}

static void damage_is_found_and_made_good(void **state)
{
	const struct fixture *f = *state;
	CLEANUP_FREE char *data = xasprintf("cache/appliances/%s/data", key);
	CLEANUP_FREE char *other = xasprintf("cache/appliances/%s/other", key);
	struct error err;

	publish(f, STORE_APPLIANCES, "text");
	fixture_root_write(&f->root, data, "TEXT");
	expect_damaged(f, "does not hold");
	fixture_root_write(&f->root, data, "text");
	fixture_root_write(&f->root, other, "");
	expect_damaged(f, "does not belong");
	/* A cut file makes room for a whole one. */
	fixture_root_write(&f->root, data, "t");
	expect_damaged(f, "has 1 bytes, and not the 4");
	assert_int_equal(publish(f, STORE_APPLIANCES, "text"), 0);
	assert_int_equal(verify(f, &err), STORE_SOUND);
	assert_int_equal(count(f, STORE_TEMPORARY), 0);
}

/* Same size: only its identity tells, and then its content. */
static void what_was_changed_in_place_makes_room(void **state)
{
	const struct fixture *f = *state;
	CLEANUP_FREE char *data = xasprintf("cache/appliances/%s/data", key);
	CLEANUP_FREE char *text = NULL;
	size_t len;

	publish(f, STORE_APPLIANCES, "text");
	fixture_root_write(&f->root, data, "TEXT");
	assert_int_equal(publish(f, STORE_APPLIANCES, "text"), 0);
	CLEANUP_FREE char *path = fixture_root_place(&f->root, data);
	assert_int_equal(io_read_file(AT_FDCWD, path, 100, &text, &len, NULL), 0);
	assert_string_equal(text, "text");
}

/* A cache may be copied to another place: then it is read once. */
static void a_copy_is_read_and_taken(void **state)
{
	const struct fixture *f = *state;
	CLEANUP_FREE char *data = xasprintf("cache/appliances/%s/data", key);
	CLEANUP_FREE char *path = fixture_root_place(&f->root, data);
	struct stat before, after;

	publish(f, STORE_APPLIANCES, "text");
	assert_int_equal(unlink(path), 0);
	fixture_root_write(&f->root, data, "text");
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(publish(f, STORE_APPLIANCES, "text"), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void what_is_held_is_not_removed(void **state)
{
	const struct fixture *f = *state;
	struct store_hold one, two;

	publish(f, STORE_SNAPSHOTS, "text");
	assert_true(store_hold(&f->cache, STORE_SNAPSHOTS, key, &one));
	assert_true(store_hold(&f->cache, STORE_SNAPSHOTS, key, &two));
	assert_true(store_in_use(&f->cache, STORE_SNAPSHOTS, key));
	assert_int_equal(store_kinds[STORE_SNAPSHOTS].remove(
				 &f->cache, STORE_SNAPSHOTS, key, true),
		STORE_IN_USE);
	store_release(&one);
	assert_int_equal(store_kinds[STORE_SNAPSHOTS].remove(
				 &f->cache, STORE_SNAPSHOTS, key, true),
		STORE_IN_USE);
	store_release(&two);
	assert_false(store_in_use(&f->cache, STORE_SNAPSHOTS, key));
	assert_int_equal(store_kinds[STORE_SNAPSHOTS].remove(
				 &f->cache, STORE_SNAPSHOTS, key, false),
		STORE_REMOVED);
	assert_false(store_hold(&f->cache, STORE_SNAPSHOTS, key, &one));
	assert_int_equal(count(f, STORE_TEMPORARY), 0);
}

/* The lock is the open file's, not the process's: a child that has it goes on holding. */
static void a_hold_can_be_handed_on(void **state)
{
	const struct fixture *f = *state;
	struct store_hold hold;
	int pipe_fds[2];
	char byte;

	publish(f, STORE_APPLIANCES, "text");
	assert_true(store_hold(&f->cache, STORE_APPLIANCES, key, &hold));
	assert_int_equal(pipe(pipe_fds), 0);
	pid_t child = fork();
	if (child == 0) {
		close(pipe_fds[1]);
		_exit(read(pipe_fds[0], &byte, 1) == 0 ? 0 : 1);
	}
	store_release(&hold);
	assert_int_equal(store_kinds[STORE_APPLIANCES].remove(
				 &f->cache, STORE_APPLIANCES, key, false),
		STORE_IN_USE);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(store_kinds[STORE_APPLIANCES].remove(
				 &f->cache, STORE_APPLIANCES, key, false),
		STORE_REMOVED);
}

static void what_a_killed_maker_leaves_is_collected(void **state)
{
	const struct fixture *f = *state;
	CLEANUP_DRAFT struct draft ours = {0};
	struct error err;

	assert_int_equal(draft_open(&f->cache, &ours, &err), 0);
	pid_t child = fork();
	if (child == 0) {
		struct draft d;
		if (draft_open(&f->cache, &d, NULL) == 0)
			write_file(d.fd, "data", "half");
		_exit(0);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(count(f, STORE_TEMPORARY), 2);
	cache_collect_quietly(&f->cache);
	/* Ours stays. */
	assert_int_equal(count(f, STORE_TEMPORARY), 1);
	assert_int_equal(count(f, STORE_LOCKS), 1);
	write_file(ours.fd, "data", "whole");
}

static void a_snapshot_goes_with_its_appliance(void **state)
{
	const struct fixture *f = *state;

	publish(f, STORE_APPLIANCES, "text");
	publish(f, STORE_SNAPSHOTS, "memory");
	cache_collect_quietly(&f->cache);
	assert_int_equal(count(f, STORE_SNAPSHOTS), 1);
	store_kinds[STORE_APPLIANCES].remove(&f->cache, STORE_APPLIANCES, key, false);
	cache_collect_quietly(&f->cache);
	assert_int_equal(count(f, STORE_SNAPSHOTS), 0);
}

static void a_saved_state_pushes_nothing_out(void **state)
{
	const struct collect_limits limits = {.bytes = 512 * 1024};
	const struct fixture *f = *state;
	CLEANUP_FREE char *large = xmalloc(1024 * 1024);

	memset(large, 'x', 1024 * 1024);
	large[1024 * 1024 - 1] = '\0';
	publish(f, STORE_APPLIANCES, "text");
	publish(f, STORE_SNAPSHOTS, "memory");
	publish(f, STORE_STATES, large);
	assert_true(store_bytes(&f->cache) > limits.bytes);
	cache_collect(&f->cache, &limits, NULL, NULL);
	assert_int_equal(count(f, STORE_SNAPSHOTS), 1);
	assert_int_equal(count(f, STORE_STATES), 1);
}

static uint64_t bytes_of(const struct fixture *f, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(f->cache.fd, path, &st, 0), 0);
	return (uint64_t)st.st_blocks * 512;
}

/* Whatever the number of links is, of which each counts a fraction. */
static void a_file_that_things_share_counts_once(void **state)
{
	const struct fixture *f = *state;
	uint64_t directories = 0, shared = 0;

	publish(f, STORE_APPLIANCES, "text");
	assert_int_equal(mkdirat(f->cache.fd, "parts", 0700), 0);
	CLEANUP_FREE char *data = xasprintf("appliances/%s/data", key);
	uint64_t others = store_bytes(&f->cache) - bytes_of(f, data);
	for (int i = 0; i < 16; i++) {
		CLEANUP_FREE char *part = xasprintf("parts/%x%s", i, key + 1);
		CLEANUP_FREE char *link = xasprintf("%s/data", part);
		assert_int_equal(mkdirat(f->cache.fd, part, 0700), 0);
		assert_int_equal(linkat(f->cache.fd, data, f->cache.fd, link, 0), 0);
		directories += bytes_of(f, part);
		shared = bytes_of(f, data);
		assert_int_equal(store_bytes(&f->cache), others + directories + shared);
	}
}

static void a_turn_is_had_by_one(void **state)
{
	const struct fixture *f = *state;
	struct turn one = {0}, two = {0};
	struct error err;

	assert_int_equal(turn_take(&f->cache, "x", "", NULL, &one, &err), 0);
	assert_int_equal(turn_try(&f->cache, "x", &two), LOCK_BUSY);
	assert_int_equal(turn_try(&f->cache, "y", &two), LOCK_TAKEN);
	turn_give(&two);
	turn_give(&one);
	assert_int_equal(turn_try(&f->cache, "x", &two), LOCK_TAKEN);
	/* The collector leaves it alone. */
	cache_collect_quietly(&f->cache);
	assert_int_equal(count(f, STORE_LOCKS), 1);
	turn_give(&two);
	assert_int_equal(count(f, STORE_LOCKS), 0);
}

/* Of many processes that add to a number one after the other none gets in between. */
static void turns_keep_processes_apart(void **state)
{
	enum { PROCESSES = 8, ROUNDS = 50 };
	const struct fixture *f = *state;
	struct turn turn;
	char text[20];
	size_t len;

	fixture_root_write(&f->root, "number", "0");
	CLEANUP_FREE char *path = fixture_root_place(&f->root, "number");
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() != 0)
			continue;
		for (int k = 0; k < ROUNDS; k++) {
			char *number;
			if (turn_take(&f->cache, "x", "", NULL, &turn, NULL) < 0 ||
				io_read_file(AT_FDCWD, path, 100, &number, &len, NULL) <
					0)
				_exit(1);
			snprintf(text, sizeof(text), "%d", atoi(number) + 1);
			fixture_root_write(&f->root, "number", text);
			turn_give(&turn);
		}
		_exit(0);
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status;
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	CLEANUP_FREE char *number = NULL;
	assert_int_equal(io_read_file(AT_FDCWD, path, 100, &number, &len, NULL), 0);
	assert_int_equal(atoi(number), PROCESSES * ROUNDS);
	assert_int_equal(count(f, STORE_LOCKS), 0);
}

/* It is the list of its directory's files, and of no others. */
static void a_manifest_names_no_other_files(void **state)
{
	static const char *const names[] = {
		"../data", "/etc/passwd", "sub/data", ".", "..", "", "manifest.json"};
	const struct fixture *f = *state;
	CLEANUP_FREE char *path = xasprintf("cache/appliances/%s/manifest.json", key);

	publish(f, STORE_APPLIANCES, "text");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEANUP_JSON json_t *manifest =
			manifest_new(store_kinds[STORE_APPLIANCES].word, key);
		json_object_set_new(json_object_get(manifest, "files"), names[i],
			json_pack("{s:i}", "size", 4));
		CLEANUP_FREE char *text = json_dumps(manifest, 0);
		fixture_root_write(&f->root, path, text);
		expect_damaged(f, "it is not a manifest");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_published_is_whole_and_verified),
		TEST(damage_is_found_and_made_good),
		TEST(what_was_changed_in_place_makes_room),
		TEST(a_copy_is_read_and_taken),
		TEST(what_is_held_is_not_removed),
		TEST(a_hold_can_be_handed_on),
		TEST(what_a_killed_maker_leaves_is_collected),
		TEST(a_snapshot_goes_with_its_appliance),
		TEST(a_manifest_names_no_other_files),
		TEST(a_saved_state_pushes_nothing_out),
		TEST(a_file_that_things_share_counts_once),
		TEST(a_turn_is_had_by_one),
		TEST(turns_keep_processes_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
