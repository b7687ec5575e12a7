/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest finds every kind of file in an image, with all its metadata. */
#include "test-ext2-reader.h"

#include <unistd.h>

#include "tree/put.h"

static struct tree_inode *add_inode(struct tree *t, const char *path, uint32_t mode)
{
	assert_ok(tree_add_file(t, path,
		&(struct tree_file){.mode = mode,
			.data = "x",
			.len = S_ISREG(mode) || S_ISLNK(mode) ? 1 : 0},
		&err));
	return tree_lookup(t, path);
}

static void add_device(
	struct tree *t, const char *name, uint32_t mode, uint32_t major, uint32_t minor)
{
	struct tree_inode device = {
		.mode = mode, .rdev_major = major, .rdev_minor = minor};

	struct tree_inode *inode;

	assert_ok(tree_put(t, &(struct tree_spot){tree_root(t), name, strlen(name)},
		&device, &inode, &err));
}

static void an_empty_tree_is_an_image(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	struct ext2_summary s;

	(void)state;
	require_e2fsprogs();
	make_image(t, &ext2_defaults, &s);
	assert_image_holds(IMAGE, t);
	/* Superblock, descriptors, two bitmaps, one block of inodes, two directories, one
	 * free. */
	assert_in_range(s.blocks, 7, 8);
	assert_int_equal(s.groups, 1);
}

static void all_types_and_modes(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	require_e2fsprogs();
	add_text(t, "/file", "hello");
	add_inode(t, "/setuid", S_IFREG | 04755);
	add_inode(t, "/dir", S_IFDIR | 03777);
	add_inode(t, "/dir/fifo", S_IFIFO | 0600);
	add_inode(t, "/dir/socket", S_IFSOCK | 0755);
	add_device(t, "old", S_IFCHR | 0666, 255, 255);
	add_device(t, "big", S_IFBLK | 0660, 300, 300);
	add_device(t, "biggest", S_IFBLK | 0660, 0xfff, 0xfffff);
	make_image(t, &ext2_defaults, NULL);
	assert_image_holds(IMAGE, t);
	assert_debugfs("stat big", "(New-style) Device major/minor number: 300:300");
	assert_debugfs("stat biggest", "major/minor number: 4095:1048575");
	assert_debugfs("stat old", "Device major/minor number: 255:255");
	assert_debugfs("stat dir", "Mode:  03777");
	assert_debugfs("cat file", "hello");
}

static void owners_have_32_bits(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	require_e2fsprogs();
	struct tree_inode *f = add_inode(t, "/file", S_IFREG | 0644);
	f->uid = 100000;
	f->gid = UINT32_MAX - 1;
	tree_root(t)->uid = 65536;
	make_image(t, &ext2_defaults, NULL);
	assert_image_holds(IMAGE, t);
	assert_debugfs("stat file", "User: 100000   Group:    -2 ");
	assert_debugfs("stat /", "User: 65536 ");
}

static void times_reach_from_1901_to_2446(void **state)
{
	static const struct tree_time times[] = {
		{-2147483648, 0},
		{-1, 999999999},
		{0, 1},
		{2147483647, 5},
		{2147483648, 6},
		{2208988800, 123456789}, /* 2040 */
		{4294967296, 7},
		{6442450944, 8},
		{10737418239, 9}, /* 2310 */
		{10737418240, 10},
		{12884901887, 11},
		{12884901888, 12}, /* 2378 */
		{15032385535, 999999999},
	};
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	require_e2fsprogs();
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		CLEANUP_FREE char *path = xasprintf("/%zu", i);
		add_inode(t, path, i % 2 ? S_IFREG : S_IFLNK)->mtime = times[i];
	}
	make_image(t, &ext2_defaults, NULL);
	assert_image_holds(IMAGE, t);
	/* The one debugfs can be asked for without the zone of this machine. */
	assert_debugfs("stat 5", "mtime: 0x83aa7e80:1d6f3455");
	assert_debugfs("stat 5", "crtime: 0x83aa7e80:1d6f3455");
}

static void symlinks_short_and_long(void **state)
{
	static const size_t lengths[] = {1, 59, 60, 61, 4095};
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	char target[4096];

	(void)state;
	require_e2fsprogs();
	memset(target, 't', sizeof(target));
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		CLEANUP_FREE char *path = xasprintf("/link%zu", lengths[i]);
		assert_ok(tree_add_file(t, path,
			&(struct tree_file){.mode = S_IFLNK | 0777,
				.uid = 7,
				.gid = 8,
				.mtime = {1, 2},
				.data = target,
				.len = lengths[i]},
			&err));
	}
	make_image(t, &ext2_defaults, NULL);
	assert_image_holds(IMAGE, t);
	assert_debugfs("stat link59", "Fast link dest: \"tttt");
	assert_debugfs("stat link4095", "Size: 4095");
}

static void hard_links_are_one_inode(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	require_e2fsprogs();
	add_text(t, "/one", "shared");
	add_dir(t, "/dir", 0755);
	assert_ok(node_add_link(t, &(struct tree_spot){tree_lookup(t, "/dir"), "two", 3},
		tree_lookup(t, "/one"), &err));
	assert_ok(node_add_link(t, &(struct tree_spot){tree_root(t), "three", 5},
		tree_lookup(t, "/one"), &err));
	make_image(t, &ext2_defaults, NULL);
	assert_image_holds(IMAGE, t);
	assert_debugfs("stat one", "Links: 3");
	assert_debugfs("ncheck 13", "one");
}

static void root_label_and_uuid(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	struct ext2_options o = {.label = "sixteen letters!",
		.have_uuid = true,
		.uuid = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6,
			7, 8}};
	struct reader r;

	(void)state;
	require_e2fsprogs();
	tree_root(t)->mode = S_IFDIR | 01700;
	tree_root(t)->uid = 3;
	tree_root(t)->gid = 4;
	tree_root(t)->mtime.sec = 0x12345678;
	make_image(t, &o, NULL);
	assert_image_holds(IMAGE, t);
	assert_debugfs(
		"show_super_stats -h", "Filesystem volume name:   sixteen letters!");
	assert_debugfs("show_super_stats -h",
		"Filesystem UUID:          12345678-9abc-def0-0102-030405060708");
	assert_debugfs("show_super_stats -h",
		"Filesystem features:      ext_attr dir_index "
		"filetype sparse_super large_file\n");
	assert_debugfs("show_super_stats -h", "Reserved block count:     0\n");
	assert_debugfs("show_super_stats -h", "Filesystem state:         clean\n");
	assert_debugfs("show_super_stats -h",
		"Filesystem flags:         unsigned_directory_hash");
	assert_debugfs("show_super_stats -h", "Default mount options:    user_xattr acl");
	assert_debugfs("show_super_stats -h", "Maximum mount count:      -1\n");
	assert_debugfs("show_super_stats -h", "Check interval:           0 (<none>)\n");
	reader_open(&r, IMAGE, t);
	assert_int_equal(get32(r.image + 1024 + 264), 0x12345678);
	reader_close(&r);
}

static void the_tree_may_have_its_own_lost_and_found(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	require_e2fsprogs();
	assert_ok(tree_add_file(t, "/lost+found",
		&(struct tree_file){.mode = S_IFDIR | 0750, .uid = 5, .gid = 6}, &err));
	add_text(t, "/lost+found/file", "found");
	make_image(t, &ext2_defaults, NULL);
	assert_image_holds(IMAGE, t);
	assert_debugfs("stat lost+found", "User:     5   Group:     6");
}

static void sparse_files_stay_sparse(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	const off_t offsets[] = {
		0, 40960, (off_t)4 << 20, (off_t)5 << 30, (off_t)50 << 30};

	(void)state;
	require_e2fsprogs();
	assert_int_equal(mkdir("in", 0755), 0);
	int fd = open("in/sparse", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		assert_int_equal(io_pwrite_full(fd, "data", 4, offsets[i] + 77), 0);
	assert_int_equal(ftruncate(fd, (off_t)51 << 30), 0);
	close(fd);
	fd = open("in/hole", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(fd, (off_t)100 << 20), 0);
	close(fd);
	assert_ok(tree_add_directory(t, "in", "/", &err));
	make_image(t, &ext2_defaults, NULL);

	/* 5 blocks of data; maps: 1 single, 1 + 2 double, 1 + 1 + 1 triple. */
	assert_debugfs("stat sparse", "Size: 54760833024");
	assert_debugfs("stat hole", "Blockcount: 0");
	CLEANUP_FREE char *blocks = ask_debugfs(IMAGE, "blocks sparse");
	size_t n = 0;
	for (char *p = strtok(blocks, " \n"); p; p = strtok(NULL, " \n"))
		n += p[0] >= '0' && p[0] <= '9' && !strchr(p, '.');
	assert_in_range(n, 10, 13);

	struct reader r;
	uint32_t ino;
	uint8_t type;
	reader_open(&r, IMAGE, t);
	reader_find(&r, 2, "sparse", &ino, &type);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		uint64_t at = offsets[i] + 77;
		uint32_t block = reader_map(&r, reader_inode(&r, ino), at / 4096);
		assert_memory_equal(reader_block(&r, block) + at % 4096, "data", 4);
	}
	reader_close(&r);
}

static void same_input_same_bytes(void **state)
{
	CLEANUP_STRBUF struct strbuf out = {0};
	struct ext2_summary a, b, c;

	(void)state;
	for (int i = 0; i < 2; i++) {
		CLEANUP_TREE struct tree *t = tree_new(NULL);
		CLEANUP_FREE char *path = xasprintf("image%d", i);
		/* In another order. */
		add_text(t, i ? "/b" : "/a", i ? "two" : "one");
		add_text(t, i ? "/a" : "/b", i ? "one" : "two");
		for (int k = 0; k < 1000; k++) {
			CLEANUP_FREE char *name = xasprintf("/d/%d", i ? 999 - k : k);
			add_text(t, name, "x");
		}
		tree_finish(t);
		assert_ok(write_image(t, &ext2_defaults, path, i ? &b : &a));
	}
	assert_memory_equal(a.uuid, b.uuid, sizeof(a.uuid));
	assert_int_equal(RUN_OUTPUT(&out, "cmp", "image0", "image1"), 0);
	assert_int_equal(a.uuid[6] >> 4, 8);
	assert_int_equal(a.uuid[8] >> 6, 2);

	CLEANUP_TREE struct tree *t = tree_new(NULL);
	add_text(t, "/a", "one");
	tree_finish(t);
	assert_ok(write_image(t, &ext2_defaults, IMAGE, &c));
	assert_memory_not_equal(a.uuid, c.uuid, sizeof(a.uuid));
}

static void change_nothing(struct tree *t, struct ext2_options *o)
{
	(void)t;
	(void)o;
}

static void change_label(struct tree *t, struct ext2_options *o)
{
	(void)t;
	o->label[15] = 'x';
}

static void change_size(struct tree *t, struct ext2_options *o)
{
	(void)t;
	o->size = 10 << 20;
}

static void change_block_size(struct tree *t, struct ext2_options *o)
{
	(void)t;
	o->block_size = 1024;
}

static void change_free_blocks(struct tree *t, struct ext2_options *o)
{
	(void)t;
	o->free_blocks = 1;
}

static void change_free_inodes(struct tree *t, struct ext2_options *o)
{
	(void)t;
	o->free_inodes = 1;
}

#define CHANGE(name, path, statement)                                      \
	static void change_##name(struct tree *t, struct ext2_options *o)  \
	{                                                                  \
		static const struct tree_xattr xattr = {"user.a", "1", 1}; \
		static const struct tree_xattr other = {"user.b", "1", 1}; \
		static const struct tree_xattr value = {"user.a", "2", 1}; \
		struct tree_inode *inode = tree_lookup(t, path);           \
		(void)o, (void)&xattr, (void)&other, (void)&value;         \
		statement;                                                 \
	}
CHANGE(mode, "/file", inode->mode ^= 1)
CHANGE(uid, "/file", inode->uid = 5)
CHANGE(gid, "/file", inode->gid = 5)
CHANGE(seconds, "/file", inode->mtime.sec++)
CHANGE(nanoseconds, "/file", inode->mtime.nsec++)
CHANGE(target, "/link", inode->target = "tarGet")
CHANGE(content, "/file", inode->source = "tExt")
CHANGE(holes, "/file", inode->all_hole = true)
CHANGE(major, "/device", inode->rdev_major++)
CHANGE(minor, "/device", inode->rdev_minor++)
CHANGE(xattr, "/file", (inode->xattrs = &xattr, inode->n_xattrs = 1))
CHANGE(xattr_name, "/file", (inode->xattrs = &other, inode->n_xattrs = 1))
CHANGE(xattr_value, "/file", (inode->xattrs = &value, inode->n_xattrs = 1))
CHANGE(name, "/dir", inode->dir->items[0].name = "nAme")
CHANGE(links, "/dir", inode->dir->items[0].inode = tree_lookup(t, "/file"))

/* Two images that differ have different UUIDs, if it is not in a file of the host
 * alone. */
static void all_that_can_be_seen_makes_the_uuid(void **state)
{
	static void (*const changes[])(struct tree *, struct ext2_options *) = {
		change_nothing, change_label, change_size, change_block_size,
		change_free_blocks, change_free_inodes, change_mode, change_uid,
		change_gid, change_seconds, change_nanoseconds, change_target,
		change_content, change_holes, change_major, change_minor, change_xattr,
		change_xattr_name, change_xattr_value, change_name, change_links};
	struct ext2_summary s[ARRAY_SIZE(changes)];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		CLEANUP_TREE struct tree *t = tree_new(NULL);
		struct ext2_options o = {0};
		struct ext2_plan *p;
		add_text(t, "/file", "text");
		add_text(t, "/dir/name", "text");
		add_symlink(t, "/link", "target");
		add_device(t, "device", S_IFCHR | 0600, 1, 1);
		tree_finish(t);
		changes[i](t, &o);
		assert_ok(ext2_plan_new(t, &o, &p, &err));
		ext2_plan_summary(p, &s[i]);
		ext2_plan_free(p);
		for (size_t k = 0; k < i; k++)
			if (memcmp(s[i].uuid, s[k].uuid, 16) == 0)
				fail_msg("changes %zu and %zu have one UUID", k, i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(an_empty_tree_is_an_image),
		scratch_test(all_types_and_modes),
		scratch_test(owners_have_32_bits),
		scratch_test(times_reach_from_1901_to_2446),
		scratch_test(symlinks_short_and_long),
		scratch_test(hard_links_are_one_inode),
		scratch_test(root_label_and_uuid),
		scratch_test(the_tree_may_have_its_own_lost_and_found),
		scratch_test(sparse_files_stay_sparse),
		scratch_test(same_input_same_bytes),
		scratch_test(all_that_can_be_seen_makes_the_uuid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
