/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A share that the guest may write to: what changes, and what is refused. */
#include <linux/falloc.h>
#include <sys/resource.h>
#include <sys/xattr.h>

#include "base/directory.h"

#include "fixture-fuse.h"

static struct stat stat_of(const struct fixture_fuse *f, const char *name)
{
	CLEANUP_FREE char *path = fuse_path(f, name);
	struct stat st;

	fixture_root_check(lstat(path, &st), path);
	return st;
}

static bool exists(const struct fixture_fuse *f, const char *name)
{
	CLEANUP_FREE char *path = fuse_path(f, name);
	struct stat st;

	return lstat(path, &st) == 0;
}

static void assert_content(
	const struct fixture_fuse *f, const char *name, const char *text)
{
	CLEANUP_FREE char *path = fuse_path(f, name);
	CLEANUP_FREE char *data = NULL;
	struct error err;
	size_t len;

	if (io_read_file(AT_FDCWD, path, 1000, &data, &len, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(data, text);
}

static int create(struct fixture_fuse *f, uint64_t directory, const char *name,
	uint32_t flags, uint32_t mode, struct fuse_entry_out *ret, uint64_t *ret_fh)
{
	const struct fuse_create_in in = {.flags = flags, .mode = mode};
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out;
	int result = fuse_call(f, FUSE_CREATE, directory, &in, sizeof(in), name);

	if (result == 0) {
		fuse_reply(f, &out);
		*ret = out.entry;
		*ret_fh = out.open.fh;
	}
	return result;
}

static int write_text(struct fixture_fuse *f, uint64_t node, uint64_t fh, uint64_t offset,
	uint32_t flags, const char *text)
{
	const struct fuse_write_in in = {
		.fh = fh, .offset = offset, .size = strlen(text), .flags = flags};
	struct fuse_write_out out;
	int result =
		fuse_call_data(f, FUSE_WRITE, node, &in, sizeof(in), text, strlen(text));

	if (result == 0) {
		fuse_reply(f, &out);
		assert_int_equal(out.size, strlen(text));
	}
	return result;
}

static int set(struct fixture_fuse *f, uint64_t node, struct fuse_setattr_in in,
	struct fuse_attr *ret)
{
	struct fuse_attr_out out;
	int result = fuse_call(f, FUSE_SETATTR, node, &in, sizeof(in), NULL);

	if (result == 0) {
		fuse_reply(f, &out);
		*ret = out.attr;
	}
	return result;
}

static int rename_to(struct fixture_fuse *f, uint64_t from, const char *name, uint64_t to,
	const char *new_name, uint32_t flags)
{
	const struct fuse_rename2_in in = {.newdir = to, .flags = flags};

	return fuse_call_two(f, FUSE_RENAME2, from, &in, sizeof(in), name, new_name);
}

static void a_file_is_made_written_and_read(void **state)
{
	struct fixture_fuse *f = *state;
	struct fuse_entry_out entry;
	const struct fuse_fsync_in sync = {0};
	uint64_t share = fuse_share(f), fh, again;

	assert_int_equal(create(f, share, "new", O_RDWR, 0640, &entry, &fh), 0);
	assert_int_equal(entry.attr.mode, S_IFREG | 0640);
	assert_int_equal(write_text(f, entry.nodeid, fh, 0, 0, "hello"), 0);
	assert_int_equal(write_text(f, entry.nodeid, fh, 3, 0, "p!"), 0);
	assert_int_equal(fuse_read(f, entry.nodeid, fh, 0, 10), 0);
	assert_memory_equal(f->reply, "help!", 5);
	/* Where the guest believes the file to end does not matter. */
	assert_int_equal(write_text(f, entry.nodeid, fh, 0, O_APPEND, "?"), 0);
	assert_content(f, "new", "help!?");
	assert_int_equal(
		fuse_call(f, FUSE_FSYNC, entry.nodeid, &sync, sizeof(sync), NULL), 0);
	/* As it is there, O_CREAT alone opens it and O_EXCL does not. */
	assert_int_equal(
		create(f, share, "new", O_RDWR | O_EXCL, 0640, &entry, &again), -EEXIST);
	assert_int_equal(
		create(f, share, "new", O_RDWR | O_TRUNC, 0600, &entry, &again), 0);
	assert_int_equal(entry.attr.mode, S_IFREG | 0640);
	assert_int_equal(entry.attr.size, 0);
	assert_content(f, "new", "");
	/* A handle for reading is none for writing. */
	assert_int_equal(fuse_open(f, entry.nodeid, O_RDONLY, &again), 0);
	assert_int_equal(write_text(f, entry.nodeid, again, 0, 0, "x"), -EBADF);
	/* Nor is it one of another file's. */
	assert_int_equal(write_text(f, share, fh, 0, 0, "x"), -EBADF);
}

static void a_file_is_not_made_through_a_link(void **state)
{
	struct fixture_fuse *f = *state;
	struct fuse_entry_out entry;
	uint64_t share = fuse_share(f), fh;

	CLEANUP_FREE char *outside = xasprintf("%s-outside", f->root.path);
	fixture_root_link(&f->root, "link", outside);
	assert_int_equal(create(f, share, "link", O_WRONLY, 0644, &entry, &fh), -ELOOP);
	assert_int_equal(access(outside, F_OK), -1);
	fixture_root_link(&f->root, "passwd", "/etc/passwd");
	assert_int_equal(create(f, share, "passwd", O_WRONLY, 0644, &entry, &fh), -ELOOP);
	assert_int_equal(
		create(f, share, "passwd", O_WRONLY | O_TRUNC, 0644, &entry, &fh),
		-ELOOP);
	/* The attributes are the link's own. */
	struct fuse_attr attr;
	uint64_t n = fuse_node(f, share, "passwd");
	assert_int_equal(
		set(f, n, (struct fuse_setattr_in){.valid = FATTR_MODE, .mode = 0},
			&attr),
		-EOPNOTSUPP);
	assert_int_equal(
		set(f, n, (struct fuse_setattr_in){.valid = FATTR_SIZE}, &attr), -EINVAL);
	assert_int_equal(set(f, n,
				 (struct fuse_setattr_in){
					 .valid = FATTR_MTIME | FATTR_ATIME, .mtime = 5},
				 &attr),
		0);
	assert_int_equal(attr.mtime, 5);
	assert_true(S_ISLNK(attr.mode));
	struct stat st;
	fixture_root_check(stat("/etc/passwd", &st), "/etc/passwd");
	assert_int_not_equal(st.st_mtime, 5);
}

static void all_kinds_are_made_but_devices(void **state)
{
	struct fixture_fuse *f = *state;
	uint64_t share = fuse_share(f);
	struct fuse_mknod_in node = {.mode = S_IFIFO | 0600};
	const struct fuse_mkdir_in dir = {.mode = 0750};
	struct fuse_entry_out entry;

	assert_int_equal(fuse_call(f, FUSE_MKNOD, share, &node, sizeof(node), "fifo"), 0);
	fuse_reply(f, &entry);
	assert_int_equal(entry.attr.mode, S_IFIFO | 0600);
	node.mode = S_IFSOCK | 0600;
	assert_int_equal(
		fuse_call(f, FUSE_MKNOD, share, &node, sizeof(node), "socket"), 0);
	node.mode = S_IFREG | 06644;
	assert_int_equal(fuse_call(f, FUSE_MKNOD, share, &node, sizeof(node), "file"), 0);
	assert_int_equal(stat_of(f, "file").st_mode, S_IFREG | 0644);
	assert_int_equal(
		fuse_call(f, FUSE_MKNOD, share, &node, sizeof(node), "file"), -EEXIST);
	node.mode = S_IFCHR | 0666;
	node.rdev = 0x103;
	assert_int_equal(
		fuse_call(f, FUSE_MKNOD, share, &node, sizeof(node), "null"), -EPERM);
	node.mode = S_IFBLK | 0666;
	assert_int_equal(
		fuse_call(f, FUSE_MKNOD, share, &node, sizeof(node), "disk"), -EPERM);
	assert_int_equal(fuse_call(f, FUSE_MKDIR, share, &dir, sizeof(dir), "dir"), 0);
	assert_int_equal(stat_of(f, "dir").st_mode & 07777, 0750);
	assert_int_equal(
		fuse_call_two(f, FUSE_SYMLINK, share, NULL, 0, "link", "../x"), 0);
	fuse_reply(f, &entry);
	assert_int_equal(fuse_call(f, FUSE_READLINK, entry.nodeid, NULL, 0, NULL), 0);
	assert_memory_equal(f->reply, "../x", 4);
	assert_false(exists(f, "null") || exists(f, "disk"));
}

static void a_second_name_is_a_link(void **state)
{
	struct fixture_fuse *f = *state;
	struct fuse_entry_out entry;
	uint64_t share = fuse_share(f);

	fixture_root_write(&f->root, "file", "x");
	fixture_root_write(&f->root, "dir/x", "x");
	struct fuse_link_in in = {.oldnodeid = fuse_node(f, share, "file")};
	assert_int_equal(fuse_call(f, FUSE_LINK, share, &in, sizeof(in), "link"), 0);
	fuse_reply(f, &entry);
	assert_int_equal(entry.attr.nlink, 2);
	assert_int_equal(entry.attr_valid, 0);
	/* The guest's kernel asks again for what the other name is. */
	assert_int_equal(f->notified, FUSE_NOTIFY_INVAL_INODE);
	assert_int_equal(stat_of(f, "link").st_ino, stat_of(f, "file").st_ino);
	in.oldnodeid = fuse_node(f, share, "dir");
	assert_int_equal(fuse_call(f, FUSE_LINK, share, &in, sizeof(in), "d"), -EPERM);
	assert_int_equal(f->notified, 0);
}

static void a_program_never_runs_as_its_owner(void **state)
{
	struct fixture_fuse *f = *state;
	uint64_t share = fuse_share(f), fh;
	struct fuse_entry_out entry;
	struct fuse_attr attr;

	assert_int_equal(create(f, share, "new", O_RDWR, 06755, &entry, &fh), 0);
	assert_int_equal(stat_of(f, "new").st_mode & 07777, 0755);
	assert_int_equal(
		set(f, entry.nodeid,
			(struct fuse_setattr_in){.valid = FATTR_MODE, .mode = 06711},
			&attr),
		0);
	assert_int_equal(attr.mode, S_IFREG | 0711);
	assert_int_equal(stat_of(f, "new").st_mode & 07777, 0711);
	/* One that the host's user made so loses it when its content changes. */
	CLEANUP_FREE char *path = fuse_path(f, "new");
	fixture_root_check(chmod(path, 04755), path);
	assert_int_equal(write_text(f, entry.nodeid, fh, 0, 0, "x"), 0);
	assert_int_equal(stat_of(f, "new").st_mode & 07777, 0755);
	fixture_root_check(chmod(path, 04755), path);
	assert_int_equal(set(f, entry.nodeid,
				 (struct fuse_setattr_in){.valid = FATTR_SIZE}, &attr),
		0);
	assert_int_equal(stat_of(f, "new").st_mode & 07777, 0755);
	fixture_root_check(chmod(path, 04755), path);
	assert_int_equal(fuse_open(f, entry.nodeid, O_WRONLY | O_TRUNC, &fh), 0);
	assert_int_equal(stat_of(f, "new").st_mode & 07777, 0755);
	/* A directory's group is another matter. */
	fixture_root_write(&f->root, "dir/x", "");
	uint64_t dir = fuse_node(f, share, "dir");
	assert_int_equal(
		set(f, dir, (struct fuse_setattr_in){.valid = FATTR_MODE, .mode = 02775},
			&attr),
		0);
	assert_int_equal(stat_of(f, "dir").st_mode & 07777, 02775);
}

static void attributes_are_set(void **state)
{
	struct fixture_fuse *f = *state;
	uint64_t share = fuse_share(f), n;
	struct fuse_setattr_in in = {.valid = FATTR_SIZE | FATTR_FH, .size = 3};
	struct fuse_attr attr;

	fixture_root_write(&f->root, "file", "hello");
	n = fuse_node(f, share, "file");
	assert_int_equal(
		set(f, n, (struct fuse_setattr_in){.valid = FATTR_SIZE, .size = 4},
			&attr),
		0);
	assert_int_equal(attr.size, 4);
	assert_int_equal(set(f, n, in, &attr), -EBADF);
	assert_int_equal(fuse_open(f, n, O_WRONLY, &in.fh), 0);
	assert_int_equal(set(f, n, in, &attr), 0);
	assert_content(f, "file", "hel");
	in = (struct fuse_setattr_in){.valid = FATTR_ATIME | FATTR_MTIME,
		.atime = 7,
		.mtime = 8,
		.mtimensec = 9};
	assert_int_equal(set(f, n, in, &attr), 0);
	assert_int_equal(stat_of(f, "file").st_atime, 7);
	assert_int_equal(stat_of(f, "file").st_mtim.tv_nsec, 9);
	in.mtimensec = 1000000000;
	assert_int_equal(set(f, n, in, &attr), -EINVAL);
	in = (struct fuse_setattr_in){.valid = FATTR_MTIME | FATTR_MTIME_NOW};
	assert_int_equal(set(f, n, in, &attr), 0);
	assert_int_equal(attr.atime, 7);
	assert_true(attr.mtime > 1000000);
	/* To its owner anyone may give it. */
	in = (struct fuse_setattr_in){
		.valid = FATTR_UID | FATTR_GID, .uid = geteuid(), .gid = getegid()};
	assert_int_equal(set(f, n, in, &attr), 0);
	in.uid = 4321;
	assert_int_equal(set(f, n, in, &attr), geteuid() == 0 ? 0 : -EPERM);
	if (geteuid() == 0)
		assert_int_equal(stat_of(f, "file").st_uid, 4321);
}

static void new_files_belong_to_who_makes_them(void **state)
{
	struct fixture_fuse *f = *state;
	const struct share_root_owner owner = {.uid = 1234, .gid = 2345};
	const struct fuse_mkdir_in dir = {.mode = 0755};
	struct fuse_entry_out entry;
	struct fuse_attr attr;
	uint64_t fh;

	if (geteuid() != 0)
		skip();
	f->uid = 4000;
	f->gid = 5000;
	assert_int_equal(create(f, fuse_share(f), "own", O_RDWR, 0644, &entry, &fh), 0);
	assert_int_equal(stat_of(f, "own").st_uid, 4000);
	assert_int_equal(stat_of(f, "own").st_gid, 5000);
	fuse_stop(f);
	fuse_start(f, &owner);
	f->uid = f->gid = 0;
	assert_int_equal(create(f, fuse_share(f), "roots", O_RDWR, 0644, &entry, &fh), 0);
	assert_int_equal(entry.attr.uid, 0);
	assert_int_equal(stat_of(f, "roots").st_uid, 1234);
	assert_int_equal(stat_of(f, "roots").st_gid, 2345);
	assert_int_equal(
		fuse_call(f, FUSE_MKDIR, fuse_share(f), &dir, sizeof(dir), "dir"), 0);
	assert_int_equal(stat_of(f, "dir").st_uid, 1234);
	/* "Nobody" is how the guest sees what is root's; it is not a way to make it so. */
	assert_int_equal(
		set(f, entry.nodeid,
			(struct fuse_setattr_in){.valid = FATTR_UID, .uid = 65534},
			&attr),
		0);
	assert_int_equal(stat_of(f, "roots").st_uid, 65534);
	/* The group of a directory that hands it on. */
	CLEANUP_FREE char *path = fuse_path(f, "dir");
	fixture_root_check(chown(path, 0, 77), path);
	fixture_root_check(chmod(path, 02777), path);
	uint64_t n = fuse_node(f, fuse_share(f), "dir");
	assert_int_equal(create(f, n, "x", O_RDWR, 0644, &entry, &fh), 0);
	assert_int_equal(stat_of(f, "dir/x").st_gid, 77);
}

static void what_is_removed_can_be_used_while_it_is_known(void **state)
{
	struct fixture_fuse *f = *state;
	uint64_t share = fuse_share(f), open_file, known, dir, fh;
	struct fuse_attr_out attr;
	struct fuse_entry_out entry;
	struct fuse_open_out listing;

	fixture_root_write(&f->root, "open", "hello");
	fixture_root_write(&f->root, "known", "known");
	fixture_root_write(&f->root, "dir/x", "");
	open_file = fuse_node(f, share, "open");
	known = fuse_node(f, share, "known");
	dir = fuse_node(f, share, "dir");
	assert_int_equal(fuse_open(f, open_file, O_RDWR, &fh), 0);
	assert_int_equal(fuse_call(f, FUSE_UNLINK, share, NULL, 0, "open"), 0);
	assert_int_equal(fuse_call(f, FUSE_UNLINK, share, NULL, 0, "known"), 0);
	assert_int_equal(fuse_call(f, FUSE_RMDIR, share, NULL, 0, "dir"), -ENOTEMPTY);
	assert_int_equal(fuse_call(f, FUSE_UNLINK, dir, NULL, 0, "x"), 0);
	assert_int_equal(fuse_call(f, FUSE_RMDIR, share, NULL, 0, "dir"), 0);
	assert_false(exists(f, "open") || exists(f, "known") || exists(f, "dir"));
	assert_int_equal(fuse_lookup(f, share, "open", &entry), -ENOENT);
	assert_int_equal(fuse_getattr(f, open_file, &attr), 0);
	assert_int_equal(attr.attr.nlink, 0);
	assert_int_equal(fuse_read(f, open_file, fh, 0, 10), 0);
	assert_memory_equal(f->reply, "hello", 5);
	assert_int_equal(fuse_release(f, open_file, fh), 0);
	assert_int_equal(fuse_open(f, known, O_RDWR, &fh), 0);
	assert_int_equal(fuse_read(f, known, fh, 0, 10), 0);
	assert_memory_equal(f->reply, "known", 5);
	/* A program may be in the directory. */
	assert_int_equal(fuse_getattr(f, dir, &attr), 0);
	assert_int_equal(fuse_lookup(f, dir, "x", &entry), -ENOENT);
	assert_int_equal(create(f, dir, "y", O_RDWR, 0644, &entry, &fh), -ENOENT);
	assert_int_equal(fuse_open_as(f, FUSE_OPENDIR, dir, 0, &listing), 0);
	assert_int_equal(fuse_read_as(f, FUSE_READDIR, dir, listing.fh, 0, 4096), 0);
	/* Afterwards it is gone. */
	fuse_forget(f, open_file, 1);
	assert_int_equal(fuse_getattr(f, open_file, &attr), -ESTALE);
}

static void names_move(void **state)
{
	struct fixture_fuse *f = *state;
	uint64_t share = fuse_share(f), a, b, file, fh;
	struct fuse_attr_out attr;

	fixture_root_write(&f->root, "a/file", "in a");
	fixture_root_write(&f->root, "b/file", "in b");
	a = fuse_node(f, share, "a");
	b = fuse_node(f, share, "b");
	file = fuse_node(f, a, "file");
	uint64_t over = fuse_node(f, b, "file");
	assert_int_equal(rename_to(f, a, "file", b, "file", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(rename_to(f, a, "file", b, "file", RENAME_EXCHANGE), 0);
	assert_content(f, "b/file", "in a");
	assert_int_equal(fuse_node(f, b, "file"), file);
	assert_int_equal(fuse_node(f, a, "file"), over);
	assert_int_equal(rename_to(f, b, "file", a, "file", 0), 0);
	assert_false(exists(f, "b/file"));
	assert_content(f, "a/file", "in a");
	/* The one that was replaced is still what it was. */
	assert_int_equal(fuse_open(f, over, O_RDONLY, &fh), 0);
	assert_int_equal(fuse_read(f, over, fh, 0, 10), 0);
	assert_memory_equal(f->reply, "in b", 4);
	assert_int_equal(fuse_getattr(f, file, &attr), 0);
	/* What is in a directory moves with it. */
	const struct fuse_rename_in in = {.newdir = b};
	assert_int_equal(
		fuse_call_two(f, FUSE_RENAME, share, &in, sizeof(in), "a", "c"), 0);
	assert_int_equal(fuse_open(f, file, O_RDONLY, &fh), 0);
	assert_int_equal(fuse_node(f, b, "c"), a);
	assert_content(f, "b/c/file", "in a");
	/* No directory becomes its own parent, and none becomes a whiteout. */
	assert_int_equal(rename_to(f, share, "b", a, "b", 0), -EINVAL);
	assert_int_equal(rename_to(f, b, "c", share, "c", RENAME_WHITEOUT), -EINVAL);
	assert_int_equal(rename_to(f, share, "none", share, "c", 0), -ENOENT);
}

static void what_the_host_moved_makes_no_loop(void **state)
{
	struct fixture_fuse *f = *state;
	uint64_t share = fuse_share(f), outer, inner;
	struct fuse_entry_out entry;

	fixture_root_write(&f->root, "outer/inner/x", "");
	outer = fuse_node(f, share, "outer");
	inner = fuse_node(f, outer, "inner");
	/* It is open now, so it is found wherever it is. */
	fuse_node(f, inner, "x");
	CLEANUP_FREE char *from = fuse_path(f, "outer/inner");
	CLEANUP_FREE char *to = fuse_path(f, "inner");
	fixture_root_check(rename(from, to), to);
	assert_int_equal(rename_to(f, share, "outer", inner, "outer", 0), -EINVAL);
	assert_int_equal(fuse_lookup(f, inner, "none", &entry), -ENOENT);
}

static int count_descriptors(void)
{
	struct strvec names = {0};
	int count;

	fixture_root_check(directory_list(AT_FDCWD, "/proc/self/fd", 0, &names), "fd");
	count = names.len;
	strvec_done(&names);
	return count;
}

static void what_is_forgotten_leaves_no_descriptor(void **state)
{
	struct fixture_fuse *f = *state;
	uint64_t share = fuse_share(f), dir, fh;
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;

	if (access("/proc/self/fd", R_OK))
		skip();
	int before = count_descriptors();
	fixture_root_write(&f->root, "dir/a", "x");
	dir = fuse_node(f, share, "dir");
	assert_int_equal(create(f, dir, "b", O_RDWR, 0644, &entry, &fh), 0);
	assert_int_equal(fuse_release(f, entry.nodeid, fh), 0);
	uint64_t a = fuse_node(f, dir, "a"), b = entry.nodeid;
	/* Onto itself, onto the other, and not at all. */
	assert_int_equal(rename_to(f, dir, "a", dir, "a", 0), 0);
	assert_int_equal(rename_to(f, dir, "a", dir, "b", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(rename_to(f, dir, "none", dir, "b", 0), -ENOENT);
	assert_int_equal(count_descriptors(), before + 1);
	assert_int_equal(rename_to(f, dir, "a", dir, "b", 0), 0);
	assert_int_equal(fuse_call(f, FUSE_UNLINK, dir, NULL, 0, "b"), 0);
	assert_int_equal(fuse_call(f, FUSE_RMDIR, share, NULL, 0, "dir"), 0);
	/* Three are gone, and each can still be asked for. */
	assert_int_equal(count_descriptors(), before + 3);
	assert_int_equal(fuse_getattr(f, a, &attr), 0);
	fuse_forget(f, a, 9);
	fuse_forget(f, b, 9);
	fuse_forget(f, dir, 9);
	assert_int_equal(count_descriptors(), before);
}

static void two_directories_are_open_at_a_time(void **state)
{
	struct fixture_fuse *f = *state;
	struct rlimit old, less;
	uint64_t left[100], right[100];

	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		CLEANUP_STRBUF struct strbuf l = {0}, r = {0};

		strbuf_adds(&l, "left/");
		strbuf_adds(&r, "right/");
		for (size_t k = 0; k < i; k++) {
			strbuf_adds(&l, "d/");
			strbuf_adds(&r, "d/");
		}
		strbuf_addf(&l, "l%zu", i);
		strbuf_addf(&r, "r%zu", i);
		fixture_root_write(&f->root, l.data, "left");
		fixture_root_write(&f->root, r.data, "right");
	}
	getrlimit(RLIMIT_NOFILE, &old);
	less = (struct rlimit){.rlim_cur = 64, .rlim_max = old.rlim_max};
	setrlimit(RLIMIT_NOFILE, &less);
	fuse_stop(f);
	fuse_start(f, NULL);
	left[0] = fuse_node(f, fuse_share(f), "left");
	right[0] = fuse_node(f, fuse_share(f), "right");
	for (size_t i = 1; i < ARRAY_SIZE(left); i++) {
		left[i] = fuse_node(f, left[i - 1], "d");
		right[i] = fuse_node(f, right[i - 1], "d");
	}
	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		CLEANUP_FREE char *name = xasprintf("l%zu", i);
		uint64_t to = right[ARRAY_SIZE(left) - 1 - i];

		assert_int_equal(rename_to(f, left[i], name, to, name, 0), 0);
		fuse_node(f, to, name);
	}
	setrlimit(RLIMIT_NOFILE, &old);
}

static void nothing_goes_from_share_to_share(void **state)
{
	struct fixture_fuse *f = *state;
	uint64_t share, other;
	struct fuse_entry_out entry;
	uint64_t fh;

	/* The same directory, read-only. */
	fuse_add(f, f->root.path, SHARE_RO);
	fuse_add(f, f->root.path, SHARE_RW);
	fuse_stop(f);
	fuse_start(f, NULL);
	fixture_root_write(&f->root, "file", "x");
	share = fuse_share(f);
	for (int i = 1; i < 3; i++) {
		struct fuse_link_in in;

		other = fuse_node(f, FUSE_ROOT_ID, i == 1 ? "1" : "2");
		in.oldnodeid = fuse_node(f, other, "file");
		assert_int_equal(rename_to(f, share, "file", other, "new", 0), -EXDEV);
		assert_int_equal(
			fuse_call(f, FUSE_LINK, share, &in, sizeof(in), "new"), -EXDEV);
	}
	other = fuse_node(f, FUSE_ROOT_ID, "1");
	assert_int_equal(create(f, other, "new", O_RDWR, 0644, &entry, &fh), -EROFS);
	assert_int_equal(fuse_open(f, fuse_node(f, other, "file"), O_RDWR, &fh), -EROFS);
	assert_int_equal(rename_to(f, share, "file", FUSE_ROOT_ID, "new", 0), -EXDEV);
	assert_false(exists(f, "new"));
}

static void only_users_attributes_are_extended(void **state)
{
	struct fixture_fuse *f = *state;
	const struct fuse_setxattr_in sizes = {.size = 5};
	struct fuse_getxattr_in get = {0};
	struct fuse_getxattr_out out;
	uint64_t n;

	fixture_root_write(&f->root, "file", "x");
	CLEANUP_FREE char *path = fuse_path(f, "file");
	if (setxattr(path, "user.host", "1", 1, 0) && errno == EOPNOTSUPP)
		skip();
	if (geteuid() == 0)
		setxattr(path, "trusted.host", "1", 1, 0);
	n = fuse_node(f, fuse_share(f), "file");
	assert_int_equal(
		fuse_call_data(f, FUSE_SETXATTR, n, &sizes, 8, "user.x\0hello", 12), 0);
	assert_int_equal(
		fuse_call_data(f, FUSE_SETXATTR, n, &sizes, 8, "user.x\0hell", 11),
		-EINVAL);
	assert_int_equal(fuse_call_data(f, FUSE_SETXATTR, n, &sizes, 8,
				 "security.capability\0hello", 25),
		-EOPNOTSUPP);
	assert_int_equal(
		fuse_call_data(f, FUSE_SETXATTR, n, &sizes, 8, "trusted.x\0hello", 15),
		-EOPNOTSUPP);
	assert_int_equal(fuse_call(f, FUSE_GETXATTR, n, &get, sizeof(get), "user.x"), 0);
	fuse_reply(f, &out);
	assert_int_equal(out.size, 5);
	get.size = 4;
	assert_int_equal(
		fuse_call(f, FUSE_GETXATTR, n, &get, sizeof(get), "user.x"), -ERANGE);
	get.size = 100;
	assert_int_equal(fuse_call(f, FUSE_GETXATTR, n, &get, sizeof(get), "user.x"), 0);
	assert_int_equal(f->reply_len, 5);
	assert_int_equal(
		fuse_call(f, FUSE_GETXATTR, n, &get, sizeof(get), "trusted.host"),
		-EOPNOTSUPP);
	assert_int_equal(fuse_call(f, FUSE_LISTXATTR, n, &get, sizeof(get), NULL), 0);
	assert_int_equal(f->reply_len, strlen("user.host") + strlen("user.x") + 2);
	assert_int_equal(fuse_call(f, FUSE_REMOVEXATTR, n, NULL, 0, "user.x"), 0);
	assert_int_equal(
		fuse_call(f, FUSE_GETXATTR, n, &get, sizeof(get), "user.x"), -ENODATA);
	assert_int_equal(
		fuse_call(f, FUSE_REMOVEXATTR, n, NULL, 0, "trusted.host"), -EOPNOTSUPP);
}

static void space_is_allocated(void **state)
{
	struct fixture_fuse *f = *state;
	struct fuse_fallocate_in in = {.length = 8192};
	struct fuse_entry_out entry;
	int result;

	assert_int_equal(
		create(f, fuse_share(f), "new", O_RDWR, 0644, &entry, &in.fh), 0);
	result = fuse_call(f, FUSE_FALLOCATE, entry.nodeid, &in, sizeof(in), NULL);
	if (result == -EOPNOTSUPP)
		skip();
	assert_int_equal(result, 0);
	assert_int_equal(stat_of(f, "new").st_size, 8192);
	in.mode = FALLOC_FL_COLLAPSE_RANGE;
	assert_int_equal(
		fuse_call(f, FUSE_FALLOCATE, entry.nodeid, &in, sizeof(in), NULL),
		-EOPNOTSUPP);
}

#define RW(test) cmocka_unit_test_setup_teardown(test, fuse_setup_rw, fuse_teardown_state)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RW(a_file_is_made_written_and_read),
		RW(a_file_is_not_made_through_a_link),
		RW(all_kinds_are_made_but_devices),
		RW(a_second_name_is_a_link),
		RW(a_program_never_runs_as_its_owner),
		RW(attributes_are_set),
		RW(new_files_belong_to_who_makes_them),
		RW(what_is_removed_can_be_used_while_it_is_known),
		RW(names_move),
		RW(what_the_host_moved_makes_no_loop),
		RW(what_is_forgotten_leaves_no_descriptor),
		RW(two_directories_are_open_at_a_time),
		RW(nothing_goes_from_share_to_share),
		RW(only_users_attributes_are_extended),
		RW(space_is_allocated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
