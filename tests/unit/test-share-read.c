/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A read-only share as the guest sees it, and what it can't do to it. */
#include <dirent.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <time.h>

#include "fixture-fuse.h"

static void the_root_has_the_shares(void **state)
{
	struct fixture_fuse *f = *state;
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;
	struct fuse_open_out open;
	struct fuse_dirent dirent;
	size_t at = 0;
	int entries = 0;

	assert_int_equal(fuse_getattr(f, FUSE_ROOT_ID, &attr), 0);
	assert_int_equal(attr.attr.mode, S_IFDIR | 0555);
	assert_int_equal(fuse_lookup(f, FUSE_ROOT_ID, "0", &entry), 0);
	assert_true(S_ISDIR(entry.attr.mode));
	assert_int_equal(fuse_open_as(f, FUSE_OPENDIR, FUSE_ROOT_ID, 0, &open), 0);
	assert_int_equal(
		fuse_read_as(f, FUSE_READDIR, FUSE_ROOT_ID, open.fh, 0, 4096), 0);
	for (; at < f->reply_len; entries++) {
		memcpy(&dirent, f->reply + at, FUSE_NAME_OFFSET);
		assert_int_equal(dirent.type, DT_DIR);
		at += FUSE_DIRENT_SIZE(&dirent);
	}
	assert_int_equal(entries, 3);
	assert_int_equal(fuse_call(f, FUSE_STATFS, FUSE_ROOT_ID, NULL, 0, NULL), 0);
}

static void a_file_is_read_with_its_attributes(void **state)
{
	struct fixture_fuse *f = *state;
	struct fuse_entry_out entry;
	struct fuse_statfs_out fs;
	struct stat st;
	uint64_t fh;

	fixture_root_write(&f->root, "dir/file", "hello");
	CLEANUP_FREE char *path = fuse_path(f, "dir/file");
	uint64_t dir = fuse_node(f, fuse_share(f), "dir");
	assert_int_equal(fuse_lookup(f, dir, "file", &entry), 0);
	fixture_root_check(stat(path, &st), path);
	assert_int_equal(entry.attr.ino, st.st_ino);
	assert_int_equal(entry.attr.size, 5);
	assert_int_equal(entry.attr.mtimensec, st.st_mtim.tv_nsec);
	assert_int_equal(entry.entry_valid, 1);
	assert_int_equal(fuse_open(f, entry.nodeid, O_RDONLY, &fh), 0);
	assert_int_equal(fuse_read(f, entry.nodeid, fh, 1, 100), 0);
	assert_int_equal(f->reply_len, 4);
	assert_memory_equal(f->reply, "ello", 4);
	assert_int_equal(fuse_read(f, entry.nodeid, fh, 5, 100), 0);
	assert_int_equal(f->reply_len, 0);
	assert_int_equal(fuse_call(f, FUSE_STATFS, entry.nodeid, NULL, 0, NULL), 0);
	fuse_reply(f, &fs);
	assert_true(fs.st.blocks > 0);
	assert_int_equal(fuse_release(f, entry.nodeid, fh), 0);
	assert_int_equal(fuse_release(f, entry.nodeid, fh), -EBADF);
	assert_int_equal(fuse_read(f, entry.nodeid, fh, 0, 1), -EBADF);
}

static void reading_leaves_no_access_time(void **state)
{
	struct fixture_fuse *f = *state;
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
	struct fuse_open_out dir;
	struct stat st;
	uint64_t fh;

	fixture_root_write(&f->root, "dir/file", "hello");
	CLEANUP_FREE char *path = fuse_path(f, "dir/file");
	CLEANUP_FREE char *dir_path = fuse_path(f, "dir");
	fixture_root_check(utimensat(AT_FDCWD, path, old, 0), path);
	fixture_root_check(utimensat(AT_FDCWD, dir_path, old, 0), dir_path);
	uint64_t d = fuse_node(f, fuse_share(f), "dir"), n = fuse_node(f, d, "file");
	assert_int_equal(fuse_open(f, n, O_RDONLY, &fh), 0);
	assert_int_equal(fuse_read(f, n, fh, 0, 100), 0);
	assert_int_equal(fuse_open_as(f, FUSE_OPENDIR, d, 0, &dir), 0);
	assert_int_equal(fuse_read_as(f, FUSE_READDIRPLUS, d, dir.fh, 0, 4096), 0);
	fixture_root_check(stat(path, &st), path);
	assert_int_equal(st.st_atime, 1000);
	fixture_root_check(stat(dir_path, &st), dir_path);
	assert_int_equal(st.st_atime, 1000);
}

static void everything_that_would_change_it_is_refused(void **state)
{
	struct fixture_fuse *f = *state;
	const struct fuse_create_in create = {.flags = O_RDWR, .mode = 0644};
	const struct fuse_mknod_in mknod = {.mode = S_IFREG | 0644};
	const struct fuse_mkdir_in mkdir = {.mode = 0755};
	const struct fuse_setattr_in setattr = {.valid = FATTR_MODE, .mode = 0600};
	const struct fuse_write_in write = {.size = 1};
	const struct fuse_fallocate_in fallocate = {.length = 1};
	const uint64_t zero[2] = {0};
	uint64_t share, n, fh;

	fixture_root_write(&f->root, "file", "hello");
	share = fuse_share(f);
	n = fuse_node(f, share, "file");
	struct fuse_rename2_in rename = {.newdir = share};
	struct fuse_link_in link = {.oldnodeid = n};
	assert_int_equal(fuse_open(f, n, O_WRONLY, &fh), -EROFS);
	assert_int_equal(fuse_open(f, n, O_RDWR, &fh), -EROFS);
	assert_int_equal(fuse_open(f, n, O_RDONLY | O_TRUNC, &fh), -EROFS);
	assert_int_equal(fuse_open(f, n, O_ACCMODE, &fh), -EROFS);
	assert_int_equal(fuse_open(f, n, O_RDONLY, &fh), 0);
	assert_int_equal(
		fuse_call(f, FUSE_CREATE, share, &create, sizeof(create), "x"), -EROFS);
	assert_int_equal(
		fuse_call(f, FUSE_MKNOD, share, &mknod, sizeof(mknod), "x"), -EROFS);
	assert_int_equal(
		fuse_call(f, FUSE_MKDIR, share, &mkdir, sizeof(mkdir), "x"), -EROFS);
	assert_int_equal(
		fuse_call_two(f, FUSE_SYMLINK, share, NULL, 0, "x", "y"), -EROFS);
	assert_int_equal(
		fuse_call(f, FUSE_LINK, share, &link, sizeof(link), "x"), -EROFS);
	assert_int_equal(fuse_call(f, FUSE_UNLINK, share, NULL, 0, "file"), -EROFS);
	assert_int_equal(fuse_call(f, FUSE_RMDIR, share, NULL, 0, "file"), -EROFS);
	assert_int_equal(
		fuse_call_two(f, FUSE_RENAME, share, &rename, 8, "file", "x"), -EROFS);
	assert_int_equal(fuse_call_two(f, FUSE_RENAME2, share, &rename, sizeof(rename),
				 "file", "x"),
		-EROFS);
	assert_int_equal(
		fuse_call(f, FUSE_SETATTR, n, &setattr, sizeof(setattr), NULL), -EROFS);
	assert_int_equal(
		fuse_call_data(f, FUSE_WRITE, n, &write, sizeof(write), "x", 1), -EROFS);
	assert_int_equal(
		fuse_call(f, FUSE_FALLOCATE, n, &fallocate, sizeof(fallocate), NULL),
		-EROFS);
	assert_int_equal(fuse_call(f, FUSE_SETXATTR, n, zero, 8, "user.x"), -EROFS);
	assert_int_equal(fuse_call(f, FUSE_REMOVEXATTR, n, NULL, 0, "user.x"), -EROFS);
	/* The directory of the shares is nobody's to change. */
	assert_int_equal(
		fuse_call(f, FUSE_MKDIR, FUSE_ROOT_ID, &mkdir, sizeof(mkdir), "x"),
		-EROFS);
	CLEANUP_FREE char *path = fuse_path(f, "file");
	CLEANUP_FREE char *data = NULL;
	struct error err;
	size_t len;
	assert_int_equal(io_read_file(AT_FDCWD, path, 100, &data, &len, &err), 0);
	assert_string_equal(data, "hello");
}

static void a_link_out_of_the_share_is_not_followed(void **state)
{
	struct fixture_fuse *f = *state;
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	uint64_t share, fh;

	fixture_root_link(&f->root, "link", "/etc");
	fixture_root_link(&f->root, "file", "/etc/passwd");
	share = fuse_share(f);
	assert_int_equal(fuse_lookup(f, share, "link", &entry), 0);
	assert_true(S_ISLNK(entry.attr.mode));
	uint64_t link = entry.nodeid;
	assert_int_equal(fuse_call(f, FUSE_READLINK, link, NULL, 0, NULL), 0);
	assert_int_equal(f->reply_len, 4);
	assert_memory_equal(f->reply, "/etc", 4);
	assert_int_equal(fuse_lookup(f, link, "passwd", &entry), -ENOTDIR);
	assert_int_equal(fuse_open_as(f, FUSE_OPENDIR, link, 0, &open), -ENOTDIR);
	uint64_t file = fuse_node(f, share, "file");
	assert_int_equal(fuse_open(f, file, O_RDONLY, &fh), -ELOOP);
}

static void a_link_that_changes_is_another_node(void **state)
{
	struct fixture_fuse *f = *state;
	uint64_t share = fuse_share(f), n;

	fixture_root_link(&f->root, "link", "here");
	CLEANUP_FREE char *link = fuse_path(f, "link");
	n = fuse_node(f, share, "link");
	assert_int_equal(fuse_node(f, share, "link"), n);
	/* As if it were a new one with the number of the old one: its target is cached. */
	usleep(20000);
	fixture_root_check(utimensat(AT_FDCWD, link, NULL, AT_SYMLINK_NOFOLLOW), link);
	assert_int_not_equal(fuse_node(f, share, "link"), n);
}

static void a_directory_that_becomes_a_link_is_stale(void **state)
{
	struct fixture_fuse *f = *state;
	struct fuse_entry_out entry;
	uint64_t fh;

	fixture_root_write(&f->root, "a/b/passwd", "ours");
	CLEANUP_FREE char *a = fuse_path(f, "a");
	CLEANUP_FREE char *moved = fuse_path(f, "moved");
	uint64_t n = fuse_node(f, fuse_share(f), "a");
	/* Nothing in it was asked for, so it is not open yet. */
	fixture_root_check(rename(a, moved), moved);
	fixture_root_check(symlink("/etc", a), a);
	assert_int_equal(fuse_lookup(f, n, "passwd", &entry), -ESTALE);
	assert_int_equal(fuse_open(f, n, O_RDONLY, &fh), -EISDIR);
	assert_int_equal(fuse_node(f, fuse_share(f), "moved") == n, false);
}

static void another_file_at_the_name_is_not_opened(void **state)
{
	struct fixture_fuse *f = *state;
	struct fuse_attr_out attr;
	uint64_t share, n, fh;

	fixture_root_write(&f->root, "file", "old");
	fixture_root_write(&f->root, "other", "new");
	CLEANUP_FREE char *file = fuse_path(f, "file");
	CLEANUP_FREE char *other = fuse_path(f, "other");
	share = fuse_share(f);
	n = fuse_node(f, share, "file");
	fixture_root_check(rename(other, file), file);
	assert_int_equal(fuse_open(f, n, O_RDONLY, &fh), -ESTALE);
	assert_int_equal(fuse_getattr(f, n, &attr), -ESTALE);
	uint64_t now = fuse_node(f, share, "file");
	assert_int_not_equal(now, n);
	assert_int_equal(fuse_open(f, now, O_RDONLY, &fh), 0);
	assert_int_equal(fuse_read(f, now, fh, 0, 10), 0);
	assert_memory_equal(f->reply, "new", 3);
	fixture_root_check(unlink(file), file);
	/* It is open: its attributes are known to the end. */
	assert_int_equal(fuse_getattr(f, now, &attr), 0);
	assert_int_equal(attr.attr.nlink, 0);
	assert_int_equal(fuse_release(f, now, fh), 0);
	assert_int_equal(fuse_getattr(f, now, &attr), -ENOENT);
}

static void names_may_have_any_bytes(void **state)
{
	static const char *const names[] = {
		"a\nb", "a,b", " a b ", ":", "\xff\x01", "...", "-rf", "a:b:c"};
	struct fixture_fuse *f = *state;
	uint64_t share;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		fixture_root_write(&f->root, names[i], names[i]);
	share = fuse_share(f);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint64_t n = fuse_node(f, share, names[i]), fh;

		assert_int_equal(fuse_open(f, n, O_RDONLY, &fh), 0);
		assert_int_equal(fuse_read(f, n, fh, 0, 100), 0);
		assert_int_equal(f->reply_len, strlen(names[i]));
		assert_memory_equal(f->reply, names[i], f->reply_len);
	}
}

/* Read all of a directory, `size` bytes at a time; the names must be n0 … once each. */
static void check_listing(
	struct fixture_fuse *f, uint64_t node, uint32_t opcode, uint32_t size, int count)
{
	CLEANUP_FREE char *seen = xcalloc(count, 1);
	struct fuse_open_out open;
	uint64_t offset = 0;
	int dots = 0;

	assert_int_equal(fuse_open_as(f, FUSE_OPENDIR, node, 0, &open), 0);
	for (;;) {
		assert_int_equal(fuse_read_as(f, opcode, node, open.fh, offset, size), 0);
		assert_true(f->reply_len <= size);
		if (f->reply_len == 0)
			break;
		for (size_t at = 0; at < f->reply_len;) {
			struct fuse_entry_out entry = {.nodeid = 1};
			struct fuse_dirent dirent;
			bool plus = opcode == FUSE_READDIRPLUS;

			if (plus)
				memcpy(&entry, f->reply + at, sizeof(entry));
			at += plus ? sizeof(entry) : 0;
			memcpy(&dirent, f->reply + at, FUSE_NAME_OFFSET);
			CLEANUP_FREE char *name = xstrndup(
				f->reply + at + FUSE_NAME_OFFSET, dirent.namelen);
			at += FUSE_DIRENT_SIZE(&dirent);
			offset = dirent.off;
			if (name[0] == '.') {
				assert_int_equal(dirent.type, DT_DIR);
				if (plus)
					assert_int_equal(entry.nodeid, 0);
				dots++;
				continue;
			}
			assert_int_equal(dirent.type, DT_REG);
			assert_int_not_equal(entry.nodeid, 0);
			if (plus)
				assert_int_equal(entry.attr.ino, dirent.ino);
			int number = atoi(name + 1);
			assert_true(name[0] == 'n' && number < count && !seen[number]);
			seen[number] = 1;
		}
	}
	assert_int_equal(dots, 2);
	assert_null(memchr(seen, 0, count));
	/* And again from the beginning. */
	assert_int_equal(fuse_read_as(f, opcode, node, open.fh, 0, 4096), 0);
	assert_true(f->reply_len > 0);
}

static void a_directory_is_listed_in_pieces_of_any_size(void **state)
{
	struct fixture_fuse *f = *state;

	for (int i = 0; i < 700; i++) {
		CLEANUP_FREE char *name =
			xasprintf("dir/n%d%s", i, i % 7 ? "" : "-long-long");
		fixture_root_write(&f->root, name, "");
	}
	uint64_t dir = fuse_node(f, fuse_share(f), "dir");
	check_listing(f, dir, FUSE_READDIR, 4096, 700);
	check_listing(f, dir, FUSE_READDIRPLUS, 4096, 700);
	check_listing(f, dir, FUSE_READDIRPLUS, 200, 700);
	check_listing(f, dir, FUSE_READDIR, 60, 700);
	check_listing(f, dir, FUSE_READDIRPLUS, ATTACH_DATA_MAX, 700);
	/* What takes no entry at all is no end of the directory. */
	struct fuse_open_out open;
	assert_int_equal(fuse_open_as(f, FUSE_OPENDIR, dir, 0, &open), 0);
	assert_int_equal(fuse_read_as(f, FUSE_READDIR, dir, open.fh, 0, 8), -EINVAL);
}

static void ten_thousand_files_can_be_open(void **state)
{
	struct fixture_fuse *f = *state;
	struct rlimit old, more;
	uint64_t share, fh = 0;
	int result = 0, opened = 0;

	getrlimit(RLIMIT_NOFILE, &old);
	more = (struct rlimit){
		.rlim_cur = MIN(old.rlim_max, 16384), .rlim_max = old.rlim_max};
	setrlimit(RLIMIT_NOFILE, &more);
	fuse_stop(f);
	fuse_start(f, NULL);
	fixture_root_write(&f->root, "file", "x");
	share = fuse_share(f);
	uint64_t n = fuse_node(f, share, "file");
	while (opened < 10000 && result == 0) {
		result = fuse_open(f, n, O_RDONLY, &fh);
		opened += result == 0;
	}
	if (more.rlim_cur >= 16384)
		assert_int_equal(opened, 10000);
	else
		assert_int_equal(result, -EMFILE);
	while (result == 0)
		result = fuse_open(f, n, O_RDONLY, &fh);
	assert_int_equal(result, -EMFILE);
	/* And all else goes on. */
	assert_int_equal(fuse_read(f, n, fh, 0, 1), 0);
	fuse_node(f, share, "file");
	fuse_stop(f);
	setrlimit(RLIMIT_NOFILE, &old);
	fuse_start(f, NULL);
}

static void a_tree_is_deeper_than_the_descriptors_are_many(void **state)
{
	struct fixture_fuse *f = *state;
	struct rlimit old, less;
	uint64_t nodes[400];
	uint64_t fh;

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		CLEANUP_STRBUF struct strbuf path = {0};
		for (size_t k = 0; k <= i; k++)
			strbuf_adds(&path, "d/");
		strbuf_adds(&path, "file");
		fixture_root_write(&f->root, path.data, "x");
	}
	getrlimit(RLIMIT_NOFILE, &old);
	less = (struct rlimit){.rlim_cur = 128, .rlim_max = old.rlim_max};
	setrlimit(RLIMIT_NOFILE, &less);
	fuse_stop(f);
	fuse_start(f, NULL);
	nodes[0] = fuse_share(f);
	for (size_t i = 1; i < ARRAY_SIZE(nodes); i++)
		nodes[i] = fuse_node(f, nodes[i - 1], "d");
	/* The deepest and the highest in turn, so that each is far from what is open. */
	for (size_t i = 1; i < ARRAY_SIZE(nodes); i++) {
		uint64_t at = nodes[i % 2 ? i : ARRAY_SIZE(nodes) - i];
		uint64_t file = fuse_node(f, at, "file");

		assert_int_equal(fuse_open(f, file, O_RDONLY, &fh), 0);
		assert_int_equal(fuse_release(f, file, fh), 0);
	}
	setrlimit(RLIMIT_NOFILE, &old);
}

static void forgotten_nodes_are_gone_and_numbers_have_generations(void **state)
{
	struct fixture_fuse *f = *state;
	struct fuse_entry_out a, b;
	struct fuse_attr_out attr;
	uint64_t share, dir;

	fixture_root_write(&f->root, "dir/a", "x");
	fixture_root_write(&f->root, "dir/b", "x");
	share = fuse_share(f);
	dir = fuse_node(f, share, "dir");
	assert_int_equal(fuse_lookup(f, dir, "a", &a), 0);
	assert_int_equal(fuse_lookup(f, dir, "a", &a), 0);
	fuse_forget(f, a.nodeid, 1);
	assert_int_equal(fuse_getattr(f, a.nodeid, &attr), 0);
	/* The directory is needed by what is in it, but the guest can't use it. */
	fuse_forget(f, dir, 1);
	assert_int_equal(fuse_getattr(f, dir, &attr), -ESTALE);
	assert_int_equal(fuse_getattr(f, a.nodeid, &attr), 0);
	fuse_forget(f, a.nodeid, UINT64_MAX);
	assert_int_equal(fuse_getattr(f, a.nodeid, &attr), -ESTALE);
	dir = fuse_node(f, share, "dir");
	assert_int_equal(fuse_lookup(f, dir, "b", &b), 0);
	fuse_forget(f, b.nodeid, 1);
	assert_int_equal(fuse_lookup(f, dir, "a", &a), 0);
	assert_true(a.nodeid != b.nodeid || a.generation != b.generation);
	/* Neither the root nor a share can be forgotten. */
	fuse_forget(f, FUSE_ROOT_ID, UINT64_MAX);
	fuse_forget(f, share, UINT64_MAX);
	assert_int_equal(fuse_getattr(f, share, &attr), 0);
	/* Many at once. */
	const struct fuse_batch_forget_in batch = {.count = 3};
	const struct fuse_forget_one ones[] = {{a.nodeid, 1}, {12345678, 1}, {dir, 1}};
	assert_int_equal(fuse_call_data(f, FUSE_BATCH_FORGET, 0, &batch, sizeof(batch),
				 ones, sizeof(ones)),
		0);
	assert_int_equal(fuse_getattr(f, a.nodeid, &attr), -ESTALE);
	assert_int_equal(fuse_getattr(f, dir, &attr), -ESTALE);
}

static void what_the_kernel_keeps_is_told_by_the_mode(void **state)
{
	struct fixture_fuse *f = *state;
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	const struct fuse_getxattr_in get = {0};

	fixture_root_write(&f->root, "file", "x");
	assert_int_equal(fuse_lookup(f, fuse_share(f), "none", &entry), -ENOENT);
	uint64_t n = fuse_node(f, fuse_share(f), "file");
	assert_int_equal(fuse_open_as(f, FUSE_OPEN, n, O_RDONLY, &open), 0);
	assert_int_equal(open.open_flags, 0);
	/* It was just written, so the times do not tell yet whether it changes. */
	assert_int_equal(fuse_open_as(f, FUSE_OPEN, n, O_RDONLY, &open), 0);
	assert_int_equal(open.open_flags, 0);
	fuse_stop(f);
	f->directories[0].mode = SHARE_OVERLAY;
	fuse_start(f, NULL);
	assert_int_equal(fuse_lookup(f, fuse_share(f), "none", &entry), 0);
	assert_int_equal(entry.nodeid, 0);
	assert_int_equal(entry.entry_valid, 3600);
	assert_int_equal(fuse_lookup(f, fuse_share(f), "file", &entry), 0);
	assert_int_equal(entry.attr_valid, 3600);
	assert_int_equal(fuse_open_as(f, FUSE_OPEN, entry.nodeid, O_RDONLY, &open), 0);
	assert_int_equal(open.open_flags, FOPEN_KEEP_CACHE);
	assert_int_equal(
		fuse_call(f, FUSE_GETXATTR, entry.nodeid, &get, sizeof(get), "user.x"),
		-ENOSYS);
	assert_int_equal(
		fuse_call(f, FUSE_LISTXATTR, entry.nodeid, &get, sizeof(get), NULL), 0);
	assert_int_equal(f->reply_len, sizeof(struct fuse_getxattr_out));
	assert_int_equal(fuse_open(f, entry.nodeid, O_RDWR, &open.fh), -EROFS);
}

static void what_has_not_changed_stays_in_the_guests_cache(void **state)
{
	struct fixture_fuse *f = *state;
	struct fuse_open_out open;
	struct stat st = {0};

	fixture_root_write(&f->root, "file", "x");
	CLEANUP_FREE char *path = fuse_path(f, "file");
	uint64_t n = fuse_node(f, fuse_share(f), "file");
	/* Until its change time is old enough. */
	do {
		usleep(100000);
		fixture_root_check(stat(path, &st), path);
	} while (time(NULL) < st.st_ctime + 3);
	assert_int_equal(fuse_open_as(f, FUSE_OPEN, n, O_RDONLY, &open), 0);
	assert_int_equal(open.open_flags, 0);
	assert_int_equal(fuse_open_as(f, FUSE_OPEN, n, O_RDONLY, &open), 0);
	assert_int_equal(open.open_flags, FOPEN_KEEP_CACHE);
	fixture_root_write(&f->root, "file", "y");
	assert_int_equal(fuse_open_as(f, FUSE_OPEN, n, O_RDONLY, &open), 0);
	assert_int_equal(open.open_flags, 0);
}

static void users_are_mapped_to_root(void **state)
{
	struct fixture_fuse *f = *state;
	const struct share_root_owner owner = {.uid = 1234, .gid = 2345};
	struct fuse_entry_out entry;

	if (geteuid() != 0)
		skip();
	fixture_root_write(&f->root, "users", "");
	fixture_root_write(&f->root, "roots", "");
	CLEANUP_FREE char *users = fuse_path(f, "users");
	fixture_root_check(chown(users, 1234, 2345), users);
	fuse_stop(f);
	fuse_start(f, &owner);
	assert_int_equal(fuse_lookup(f, fuse_share(f), "users", &entry), 0);
	assert_int_equal(entry.attr.uid, 0);
	assert_int_equal(entry.attr.gid, 0);
	assert_int_equal(fuse_lookup(f, fuse_share(f), "roots", &entry), 0);
	assert_int_equal(entry.attr.uid, 65534);
	assert_int_equal(entry.attr.gid, 65534);
}

static void the_kernels_own_file_systems_are_empty(void **state)
{
	struct fixture_fuse *f = *state;
	struct fuse_entry_out entry;
	struct fuse_open_out opened;
	struct statfs fs;
	uint64_t proc;

	if (statfs("/proc", &fs) || fs.f_type != 0x9fa0)
		skip();
	fuse_stop(f);
	close(f->directories[0].fd);
	f->count = 0;
	fuse_add(f, "/", SHARE_RO);
	fuse_start(f, NULL);
	assert_int_equal(fuse_lookup(f, fuse_share(f), "proc", &entry), 0);
	assert_true(S_ISDIR(entry.attr.mode));
	proc = entry.nodeid;
	assert_int_equal(fuse_lookup(f, proc, "1", &entry), -ENOENT);
	assert_int_equal(fuse_lookup(f, proc, "self", &entry), -ENOENT);
	assert_int_equal(fuse_open_as(f, FUSE_OPENDIR, proc, 0, &opened), 0);
	assert_int_equal(fuse_read_as(f, FUSE_READDIRPLUS, proc, opened.fh, 0, 4096), 0);
	/* The dots alone. */
	assert_int_equal(
		f->reply_len, 2 * FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET_DIRENTPLUS + 2));
	assert_int_equal(fuse_call(f, FUSE_STATFS, proc, NULL, 0, NULL), 0);
	fuse_stop(f);
	/* And as a share it is refused. */
	struct share_directory shared = {
		.name = "0", .fd = open("/proc", O_PATH | O_CLOEXEC)};
	struct share_root_owner nobody = {0};
	struct error err = {0};
	assert_null(share_new(&shared, 1, &nobody, &err));
	assert_non_null(strstr(err.msg, "kernel"));
	close(shared.fd);
	fuse_start(f, NULL);
}

static void what_the_user_may_not_read_is_refused(void **state)
{
	struct fixture_fuse *f = *state;
	bool root = geteuid() == 0;
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	uint64_t share, fh;

	fixture_root_write(&f->root, "secret/file", "x");
	fixture_root_write(&f->root, "file", "x");
	CLEANUP_FREE char *secret = fuse_path(f, "secret");
	CLEANUP_FREE char *file = fuse_path(f, "file");
	fixture_root_check(chmod(f->root.path, 0755), f->root.path);
	fixture_root_check(chmod(file, 0), file);
	fixture_root_check(chmod(secret, 0), secret);
	if (root)
		fixture_root_check(seteuid(65534), "seteuid");
	share = fuse_share(f);
	uint64_t n = fuse_node(f, share, "secret");
	assert_int_equal(fuse_lookup(f, n, "file", &entry), -EACCES);
	assert_int_equal(fuse_open_as(f, FUSE_OPENDIR, n, 0, &open), -EACCES);
	assert_int_equal(
		fuse_open(f, fuse_node(f, share, "file"), O_RDONLY, &fh), -EACCES);
	if (root)
		fixture_root_check(seteuid(0), "seteuid");
	fixture_root_check(chmod(secret, 0755), secret);
}

static void devices_and_fifos_are_not_opened(void **state)
{
	struct fixture_fuse *f = *state;
	struct fuse_entry_out entry;
	uint64_t fh;

	CLEANUP_FREE char *path = fuse_path(f, "fifo");
	fixture_root_check(mkfifo(path, 0666), path);
	assert_int_equal(fuse_lookup(f, fuse_share(f), "fifo", &entry), 0);
	assert_true(S_ISFIFO(entry.attr.mode));
	assert_int_equal(fuse_open(f, entry.nodeid, O_RDONLY, &fh), -EACCES);
}

static void holes_are_found(void **state)
{
	struct fixture_fuse *f = *state;
	struct fuse_lseek_in in = {.whence = SEEK_HOLE};
	struct fuse_lseek_out out;
	uint64_t n;

	fixture_root_write(&f->root, "file", "hello");
	n = fuse_node(f, fuse_share(f), "file");
	assert_int_equal(fuse_open(f, n, O_RDONLY, &in.fh), 0);
	assert_int_equal(fuse_call(f, FUSE_LSEEK, n, &in, sizeof(in), NULL), 0);
	fuse_reply(f, &out);
	assert_int_equal(out.offset, 5);
	in.whence = SEEK_DATA;
	in.offset = 5;
	assert_int_equal(fuse_call(f, FUSE_LSEEK, n, &in, sizeof(in), NULL), -ENXIO);
	in.whence = SEEK_SET;
	assert_int_equal(fuse_call(f, FUSE_LSEEK, n, &in, sizeof(in), NULL), -EINVAL);
}

#define RO(test) cmocka_unit_test_setup_teardown(test, fuse_setup_ro, fuse_teardown_state)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RO(the_root_has_the_shares),
		RO(a_file_is_read_with_its_attributes),
		RO(reading_leaves_no_access_time),
		RO(everything_that_would_change_it_is_refused),
		RO(a_link_out_of_the_share_is_not_followed),
		RO(a_link_that_changes_is_another_node),
		RO(a_directory_that_becomes_a_link_is_stale),
		RO(another_file_at_the_name_is_not_opened),
		RO(names_may_have_any_bytes),
		RO(a_directory_is_listed_in_pieces_of_any_size),
		RO(ten_thousand_files_can_be_open),
		RO(a_tree_is_deeper_than_the_descriptors_are_many),
		RO(forgotten_nodes_are_gone_and_numbers_have_generations),
		RO(what_the_kernel_keeps_is_told_by_the_mode),
		RO(what_has_not_changed_stays_in_the_guests_cache),
		RO(users_are_mapped_to_root),
		RO(the_kernels_own_file_systems_are_empty),
		RO(what_the_user_may_not_read_is_refused),
		RO(devices_and_fifos_are_not_opened),
		RO(holes_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
