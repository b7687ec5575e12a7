/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Extended attributes and ACLs: in the inode, in a block, shared between inodes,
 * refused. */
#include "test-ext2-reader.h"

#define ATTR(name_, value_)                                               \
	{                                                                 \
		.name = (name_), .value = (value_), .len = strlen(value_) \
	}

static struct tree_inode *add_with(
	struct tree *t, const char *path, const struct tree_xattr *xattrs, uint32_t n)
{
	add_text(t, path, "content");
	struct tree_inode *inode = tree_lookup(t, path);
	inode->xattrs = xattrs;
	inode->n_xattrs = n;
	return inode;
}

static char *repeat(char c, size_t len)
{
	char *s = xcalloc(1, len + 1);

	memset(s, c, len);
	return s;
}

static void small_ones_lie_in_the_inode(void **state)
{
	static const uint8_t capability[20] = {1, 0, 0, 2, 0, 4};
	const struct tree_xattr xattrs[] = {
		{.name = "security.capability", .value = capability, .len = 20},
		{.name = "user.empty", .value = "", .len = 0},
		ATTR("user.x", "y"),
	};
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	require_e2fsprogs();
	add_with(t, "/file", xattrs, 2);
	add_with(t, "/other", xattrs + 1, 2);
	make_image(t, &ext2_defaults, NULL);
	assert_image_holds(IMAGE, t);
	assert_debugfs("stat file", "File ACL: 0\n");
	assert_debugfs("ea_list file", "security.capability (20)");
	assert_debugfs("ea_list file", "user.empty (0)");
	assert_debugfs("ea_get other user.x", "\"y\"");
}

static void large_ones_lie_in_a_block(void **state)
{
	CLEANUP_FREE char *value = repeat('v', 3000);
	CLEANUP_FREE char *name = repeat('n', 255);
	CLEANUP_FREE char *whole = xasprintf("user.%s", name);
	const struct tree_xattr xattrs[] = {
		ATTR("security.big", value),
		ATTR("trusted.a", "a value"),
		{.name = whole, .value = "\0\1\2\3\4", .len = 5},
		ATTR("user.\xc3\xa9t\xc3\xa9", "bytes above 127 in a name"),
	};
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	require_e2fsprogs();
	add_with(t, "/file", xattrs, ARRAY_SIZE(xattrs));
	make_image(t, &ext2_defaults, NULL);
	assert_image_holds(IMAGE, t);
	assert_debugfs("ea_list file", "security.big (3000)");
}

static void every_type_of_file_may_have_them(void **state)
{
	CLEANUP_FREE char *value = repeat('v', 500);
	const struct tree_xattr xattrs[] = {
		ATTR("security.label", value), ATTR("trusted.small", "s")};
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	static const uint32_t types[] = {
		S_IFDIR | 0755, S_IFLNK | 0777, S_IFIFO | 0600, S_IFSOCK | 0600};

	(void)state;
	require_e2fsprogs();
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		CLEANUP_FREE char *path = xasprintf("/%zu", i);
		assert_ok(tree_add_file(t, path,
			&(struct tree_file){.mode = types[i],
				.data = value,
				.len = S_ISLNK(types[i]) ? 300 : 0},
			&err));
		tree_lookup(t, path)->xattrs = xattrs;
		tree_lookup(t, path)->n_xattrs = ARRAY_SIZE(xattrs);
	}
	tree_root(t)->xattrs = xattrs;
	tree_root(t)->n_xattrs = ARRAY_SIZE(xattrs);
	make_image(t, &ext2_defaults, NULL);
	assert_image_holds(IMAGE, t);
}

/* A kernel does not let more than 1024 inodes share a block. */
static void equal_sets_share_a_block(void **state)
{
	CLEANUP_FREE char *value = repeat('v', 200);
	CLEANUP_FREE char *other = repeat('w', 200);
	const struct tree_xattr xattrs[] = {ATTR("user.v", value)};
	const struct tree_xattr others[] = {ATTR("user.v", other)};
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	uint32_t blocks[2500], ino;
	uint8_t type;
	struct reader r;

	(void)state;
	require_e2fsprogs();
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		CLEANUP_FREE char *path = xasprintf("/%04zu", i);
		add_with(t, path, i == 100 ? others : xattrs, 1);
	}
	make_image(t, &ext2_defaults, NULL);
	assert_image_holds(IMAGE, t);

	reader_open(&r, IMAGE, t);
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		CLEANUP_FREE char *name = xasprintf("%04zu", i);
		reader_find(&r, 2, name, &ino, &type);
		blocks[i] = get32(reader_inode(&r, ino) + 104);
	}
	assert_int_equal(blocks[0], blocks[1]);
	assert_int_not_equal(blocks[0], blocks[100]);
	assert_int_equal(blocks[0], blocks[1024]);
	assert_int_not_equal(blocks[0], blocks[1025]);
	assert_int_equal(blocks[1025], blocks[1026]);
	assert_int_not_equal(blocks[1025], blocks[2499]);
	reader_close(&r);
}

static void acls_get_their_disk_form(void **state)
{
	/* user::rw-, user:1000:rwx, group::r--, mask::rwx, other::--- */
	static const uint8_t acl[] = {2, 0, 0, 0, 1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, 2,
		0, 7, 0, 0xe8, 3, 0, 0, 4, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, 0x10, 0, 7, 0,
		0xff, 0xff, 0xff, 0xff, 0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t disk[] = {1, 0, 0, 0, 1, 0, 6, 0, 2, 0, 7, 0, 0xe8, 3, 0, 0,
		4, 0, 4, 0, 0x10, 0, 7, 0, 0x20, 0, 0, 0};
	const struct tree_xattr xattrs[] = {
		{.name = "system.posix_acl_access", .value = acl, .len = sizeof(acl)},
		{.name = "system.posix_acl_default", .value = acl, .len = sizeof(acl)},
	};
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	const uint8_t *value;
	struct reader r;
	uint32_t ino, len;
	uint8_t type;

	(void)state;
	require_e2fsprogs();
	add_with(t, "/file", xattrs, 1);
	add_dir(t, "/dir", 0750);
	tree_lookup(t, "/dir")->xattrs = xattrs;
	tree_lookup(t, "/dir")->n_xattrs = 2;
	make_image(t, &ext2_defaults, NULL);
	assert_image_holds(IMAGE, t);

	reader_open(&r, IMAGE, t);
	reader_find(&r, 2, "file", &ino, &type);
	const uint8_t *body = reader_inode(&r, ino) + 164;
	assert_true(reader_find_xattr(body, body, xattrs[0].name, &value, &len));
	assert_int_equal(len, sizeof(disk));
	assert_memory_equal(value, disk, sizeof(disk));
	reader_close(&r);
}

static void assert_refused(const struct tree_xattr *xattr, const char *text)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	add_with(t, "/dir/file", xattr, 1);
	tree_finish(t);
	assert_fails(write_image(t, &ext2_defaults, IMAGE, NULL), text);
	assert_non_null(strstr(err.msg, "'/dir/file'"));
}

static void what_does_not_fit_is_an_error(void **state)
{
	CLEANUP_FREE char *value = repeat('v', 4096);
	CLEANUP_FREE char *name = repeat('n', 256);
	CLEANUP_FREE char *whole = xasprintf("user.%s", name);
	const struct tree_xattr refused[] = {
		ATTR("user.v", value),
		ATTR("system.data", "x"),
		ATTR("user.", "x"),
		ATTR("unknown.v", "x"),
		ATTR(whole, "x"),
		ATTR("system.posix_acl_access", "not an ACL"),
		{.name = "system.posix_acl_access", .value = "\1\0\0\0", .len = 4},
		{.name = "system.posix_acl_access",
			.value = "\2\0\0\0\3\0\0\0\0\0\0\0",
			.len = 12},
	};
	static const char *const texts[] = {"4152 bytes, one block has 4096",
		"'system.data' can't be stored", "'user.' can't", "'unknown.v' can't",
		"can't be", "posix_acl_access'", "posix_acl_access'",
		"posix_acl_access'"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		assert_refused(&refused[i], texts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(small_ones_lie_in_the_inode),
		scratch_test(large_ones_lie_in_a_block),
		scratch_test(every_type_of_file_may_have_them),
		scratch_test(equal_sets_share_a_block),
		scratch_test(acls_get_their_disk_form),
		scratch_test(what_does_not_fit_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
