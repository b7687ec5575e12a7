/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hot path's question: does what was built for this request still stand? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "cache/manifest.h"
#include "cache/request.h"
#include "fixture-root.h"

static const char key[] =
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static const char uuid[] = "01234567-89ab-cdef-0123-456789abcdef";
static const char digest[] = "d1";

struct fixture {
	struct fixture_root root;
	struct cache cache;
	char *watched, *absent;
};

static void write_stamp(const struct fixture *f, const struct stamp *stamp)
{
	char version[] = "6.1.0";
	char route[] = "pc/virtio-blk";
	char parts[] = "1 2 3.4 ";
	struct entry e = {.kernel_version = version, .route = route, .parts = parts};
	struct error err;

	strcpy(e.key, key);
	strcpy(e.root_uuid, uuid);
	assert_int_equal(request_write(&f->cache, digest, &e, stamp, &err), 0);
}

/* A cache with one request, which depends on two paths, one of them not there. */
static int setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;
	struct stamp stamp;
	struct error err;

	fixture_root_init(&f->root);
	fixture_root_write(&f->root, "host/file", "content");
	fixture_root_write(&f->root, "cache/requests/other", "");
	f->watched = fixture_root_place(&f->root, "host/file");
	f->absent = fixture_root_place(&f->root, "host/absent");
	CLEANUP_FREE char *path = fixture_root_place(&f->root, "cache");
	assert_int_equal(cache_open(path, &f->cache, &err), 0);
	stamp_start(&stamp);
	stamp_add(&stamp, f->watched);
	stamp_add(&stamp, f->absent);
	write_stamp(f, &stamp);
	stamp_done(&stamp);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fixture_root_done(&f->root);
	cache_close(&f->cache);
	free(f->watched);
	free(f->absent);
	return 0;
}

static enum request_found find(const struct fixture *f)
{
	struct entry e = {0};
	enum request_found found = request_find(&f->cache, digest, &e);

	if (found != REQUEST_MISSING) {
		assert_string_equal(e.key, key);
		assert_string_equal(e.root_uuid, uuid);
		assert_string_equal(e.kernel_version, "6.1.0");
	}
	entry_done(&e);
	return found;
}

static void an_answer_stands_while_nothing_changes(void **state)
{
	assert_int_equal(find(*state), REQUEST_FITS);
	assert_int_equal(find(*state), REQUEST_FITS);
}

static void other_content_is_seen(void **state)
{
	const struct fixture *f = *state;

	fixture_root_write(&f->root, "host/file", "CONTENT");
	assert_int_equal(find(f), REQUEST_OUTDATED);
}

static void other_content_with_the_old_time_is_seen(void **state)
{
	const struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->watched, &st), 0);
	fixture_root_write(&f->root, "host/file", "CONTENT");
	const struct timespec times[] = {st.st_atim, st.st_mtim};
	assert_int_equal(utimensat(AT_FDCWD, f->watched, times, 0), 0);
	assert_int_equal(find(f), REQUEST_OUTDATED);
}

static void a_file_put_in_its_place_is_seen(void **state)
{
	const struct fixture *f = *state;

	fixture_root_write(&f->root, "host/new", "content");
	CLEANUP_FREE char *new = fixture_root_place(&f->root, "host/new");
	assert_int_equal(rename(new, f->watched), 0);
	assert_int_equal(find(f), REQUEST_OUTDATED);
}

static void a_link_with_another_target_is_seen(void **state)
{
	const struct fixture *f = *state;
	CLEANUP_FREE char *name = fixture_root_place(&f->root, "host/link");
	CLEANUP_FREE char *other = fixture_root_place(&f->root, "host/other");
	struct stamp stamp;

	/* The same file by either name. */
	assert_int_equal(link(f->watched, other), 0);
	assert_int_equal(symlink("file", name), 0);
	stamp_start(&stamp);
	stamp_add(&stamp, name);
	write_stamp(f, &stamp);
	stamp_done(&stamp);
	assert_int_equal(find(f), REQUEST_FITS);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(symlink("other", name), 0);
	assert_int_equal(find(f), REQUEST_OUTDATED);
	/* What it leads to counts, too. */
	stamp_start(&stamp);
	stamp_add(&stamp, name);
	write_stamp(f, &stamp);
	stamp_done(&stamp);
	assert_int_equal(find(f), REQUEST_FITS);
	fixture_root_write(&f->root, "host/other", "CONTENT");
	assert_int_equal(find(f), REQUEST_OUTDATED);
}

static void other_permissions_are_seen(void **state)
{
	const struct fixture *f = *state;

	assert_int_equal(chmod(f->watched, 0600), 0);
	assert_int_equal(find(f), REQUEST_OUTDATED);
}

static void what_goes_and_what_comes_is_seen(void **state)
{
	const struct fixture *f = *state;

	fixture_root_write(&f->root, "host/absent", "");
	assert_int_equal(find(f), REQUEST_OUTDATED);
	assert_int_equal(unlink(f->absent), 0);
	assert_int_equal(find(f), REQUEST_FITS);
	assert_int_equal(unlink(f->watched), 0);
	assert_int_equal(find(f), REQUEST_OUTDATED);
}

static void a_request_cut_anywhere_is_not_taken(void **state)
{
	const struct fixture *f = *state;
	CLEANUP_FREE char *data = NULL;
	size_t len;

	assert_int_equal(
		io_read_file(f->cache.fd, "requests/d1", 1 << 20, &data, &len, NULL), 0);
	for (size_t cut = 0; cut < len; cut++) {
		fixture_root_write_bytes(&f->root, "cache/requests/d1", data, cut);
		assert_int_not_equal(find(f), REQUEST_FITS);
	}
	fixture_root_write_bytes(&f->root, "cache/requests/d1", data, len);
	assert_int_equal(find(f), REQUEST_FITS);
	/* Nor one with something behind its end. */
	CLEANUP_FREE char *longer = xmalloc(len + 1);
	memcpy(longer, data, len);
	longer[len] = '\0';
	fixture_root_write_bytes(&f->root, "cache/requests/d1", longer, len + 1);
	assert_int_not_equal(find(f), REQUEST_FITS);
}

static void what_changed_while_it_was_read_is_looked_at_again(void **state)
{
	const struct fixture *f = *state;
	struct stamp stamp;

	/* Read before it was added to the stamp: the change in between is not lost. */
	stamp_start(&stamp);
	fixture_root_write(&f->root, "host/file", "changed");
	stamp_add(&stamp, f->watched);
	write_stamp(f, &stamp);
	stamp_done(&stamp);
	assert_int_equal(find(f), REQUEST_OUTDATED);
	/* But a change just before the start is only that. */
	fixture_root_write(&f->root, "host/file", "again");
	stamp_start(&stamp);
	stamp_add(&stamp, f->watched);
	write_stamp(f, &stamp);
	stamp_done(&stamp);
	assert_int_equal(find(f), REQUEST_FITS);
}

static void write_part(int dir_fd, const char *name, const char *text)
{
	CLEANUP_CLOSE int fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
}

static void parts_that_were_changed_in_place_are_not_used(void **state)
{
	const struct fixture *f = *state;
	CLEANUP(store_release) struct store_hold hold = STORE_HOLD_INIT;
	CLEANUP_JSON json_t *manifest = manifest_new("appliance", key);
	CLEANUP_DRAFT struct draft d = {0};
	struct entry e = {0};

	strcpy(e.key, key);
	assert_false(entry_hold(&f->cache, &e, &hold));
	assert_int_equal(draft_open(&f->cache, &d, NULL), 0);
	for (int i = 0; i < ENTRY_PARTS; i++)
		write_part(d.fd, entry_parts[i], "content");
	e.parts = entry_look(d.fd);
	assert_int_equal(draft_publish(&d, STORE_APPLIANCES, key, manifest, NULL), 0);
	for (int i = 0; i < ENTRY_PARTS; i++) {
		assert_true(entry_hold(&f->cache, &e, &hold));
		write_part(hold.dir_fd, entry_parts[i], "CONTENT");
		store_release(&hold);
		assert_false(entry_hold(&f->cache, &e, &hold));
		free(e.parts);
		CLEANUP_FREE char *path =
			xasprintf("%s/appliances/%s", f->cache.path, key);
		CLEANUP_CLOSE int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		e.parts = entry_look(dir);
	}
	/* None is missing, either. */
	assert_true(entry_hold(&f->cache, &e, &hold));
	assert_int_equal(unlinkat(hold.dir_fd, "initrd", 0), 0);
	assert_null(entry_look(hold.dir_fd));
	free(e.parts);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_stands_while_nothing_changes),
		TEST(other_content_is_seen),
		TEST(other_content_with_the_old_time_is_seen),
		TEST(a_file_put_in_its_place_is_seen),
		TEST(a_link_with_another_target_is_seen),
		TEST(other_permissions_are_seen),
		TEST(what_goes_and_what_comes_is_seen),
		TEST(a_request_cut_anywhere_is_not_taken),
		TEST(parts_that_were_changed_in_place_are_not_used),
		TEST(what_changed_while_it_was_read_is_looked_at_again),
	};
	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
