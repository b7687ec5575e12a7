/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happens when two inputs have the same path, and how paths are resolved in the tree. */
#include "test-tree.h"

static void missing_ancestors_are_made_root_owned(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	add_text(t, "/a/b/c", "x");
	const struct tree_inode *b = tree_lookup(t, "a/b");
	assert_int_equal(b->mode, S_IFDIR | 0755);
	assert_int_equal(b->uid, 0);
	assert_tree(t, "/a/\n/a/b/\n/a/b/c =x\n");
}

static void the_later_of_two_files_wins(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	add_text(t, "f", "old");
	add_text(t, "f", "new");
	assert_tree(t, "/f =new\n");
}

static void a_file_replaces_a_directory_and_a_directory_a_file(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	add_text(t, "x/below", "1");
	add_text(t, "x", "file");
	add_text(t, "y", "file");
	add_dir(t, "y", 0700);
	add_text(t, "z", "file");
	add_text(t, "z/in/way", "2");
	assert_int_equal(tree_lookup(t, "y")->mode, S_IFDIR | 0700);
	assert_tree(t, "/x =file\n/y/\n/z/\n/z/in/\n/z/in/way =2\n");
}

static void directories_merge_and_take_the_later_metadata(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	add_dir(t, "d", 0755);
	add_text(t, "d/one", "1");
	add_dir(t, "d", 01777);
	add_text(t, "d/two", "2");
	assert_int_equal(tree_lookup(t, "d")->mode, S_IFDIR | 01777);
	assert_tree(t, "/d/\n/d/one =1\n/d/two =2\n");
}

static void symlinked_directories_are_resolved_in_the_tree(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	add_symlink(t, "lib", "usr/lib");
	add_symlink(t, "abs", "/usr/lib");
	add_symlink(t, "usr/lib/up", "../share");
	add_text(t, "lib/x", "1");
	add_text(t, "abs/y", "2");
	add_text(t, "lib/up/z", "3");
	assert_tree(t,
		"/abs -> /usr/lib\n/lib -> usr/lib\n/usr/\n/usr/lib/\n/usr/lib/up -> "
		"../share\n"
		"/usr/lib/x =1\n/usr/lib/y =2\n/usr/share/\n/usr/share/z =3\n");
}

static void a_directory_leaves_a_symlink_to_a_directory(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	add_symlink(t, "lib", "usr/lib");
	add_dir(t, "lib", 0711);
	assert_int_equal(tree_lookup(t, "usr/lib")->mode, S_IFDIR | 0711);
	assert_tree(t, "/lib -> usr/lib\n/usr/\n/usr/lib/\n");
}

static void a_directory_replaces_a_symlink_to_a_file(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	add_text(t, "file", "kept");
	add_symlink(t, "d", "file");
	add_symlink(t, "e", "file");
	add_dir(t, "d", 0755);
	add_text(t, "e/x", "1");
	assert_tree(t, "/d/\n/e/\n/e/x =1\n/file =kept\n");
}

static void dotdot_never_leads_above_the_root(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	add_text(t, "../../a", "1");
	add_symlink(t, "up", "../../../etc");
	add_text(t, "up/b", "2");
	assert_tree(t, "/a =1\n/etc/\n/etc/b =2\n/up -> ../../../etc\n");
}

static void a_symlink_loop_is_an_error(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	add_symlink(t, "a", "b");
	add_symlink(t, "b", "a");
	assert_fails(tree_add_file(t, "a/x", &(struct tree_file){.mode = S_IFREG}, &err),
		"symbolic links");
	assert_null(tree_lookup(t, "a/x"));
}

static void forty_symlinks_are_followed_and_no_more(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	char name[16], target[16];

	(void)state;
	for (int i = 0; i < 41; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		snprintf(target, sizeof(target), "l%d", i + 1);
		add_symlink(t, name, i == 40 ? "end" : target);
	}
	add_text(t, "l1/x", "1");
	assert_non_null(tree_lookup(t, "end/x"));
	assert_fails(tree_add_file(t, "l0/x", &(struct tree_file){.mode = S_IFREG}, &err),
		"symbolic links");
}

static void lookup_does_not_follow_the_last_symlink(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	add_symlink(t, "lib", "usr/lib");
	add_dir(t, "usr/lib", 0755);
	assert_true(S_ISLNK(tree_lookup(t, "/lib")->mode));
	assert_ptr_equal(tree_lookup(t, "/lib/."), tree_lookup(t, "usr/lib"));
	assert_ptr_equal(tree_lookup(t, "/lib/../.."), tree_root(t));
	assert_ptr_equal(tree_lookup(t, "/"), tree_root(t));
	assert_null(tree_lookup(t, "nothing"));
	assert_null(tree_lookup(t, "nothing/below"));
}

static void removing_takes_all_below_and_the_name_can_come_back(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	add_text(t, "d/x", "1");
	add_text(t, "e", "2");
	assert_int_equal(tree_remove(t, "d"), 0);
	assert_int_equal(tree_remove(t, "d"), 1);
	assert_int_equal(tree_remove(t, "d/x"), 1);
	assert_null(tree_lookup(t, "d/x"));
	assert_tree(t, "/e =2\n");
	add_text(t, "d", "again");
	assert_tree(t, "/d =again\n/e =2\n");
}

static void names_have_up_to_255_bytes_of_any_value(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	char name[257];

	(void)state;
	for (int i = 0; i < 255; i++)
		name[i] = i + 1 == '/' ? 'x' : i + 1;
	name[255] = '\0';
	add_text(t, name, "");
	assert_non_null(tree_lookup(t, name));
	memset(name, 'n', 256);
	name[256] = '\0';
	assert_fails(tree_add_file(t, name, &(struct tree_file){.mode = S_IFREG}, &err),
		"nnnn");
}

static void every_file_gets_the_owner_and_no_later_time(void **state)
{
	const struct tree_options options = {
		.set_owner = true,
		.uid = 70000,
		.gid = 4000000000,
		.clamp_mtime = true,
		.mtime_max = {1000, 5},
	};
	CLEANUP_TREE struct tree *t = tree_new(&options);

	(void)state;
	assert_ok(tree_add_file(t, "d/a",
		&(struct tree_file){
			.mode = S_IFREG, .uid = 1, .gid = 2, .mtime = {1000, 6}},
		&err));
	assert_ok(tree_add_file(t, "b",
		&(struct tree_file){
			.mode = S_IFREG, .uid = 1, .gid = 2, .mtime = {-7, 9}},
		&err));
	const struct tree_inode *a = tree_lookup(t, "d/a"), *b = tree_lookup(t, "b");
	assert_int_equal(a->uid, 70000);
	assert_int_equal(a->gid, 4000000000);
	assert_int_equal(a->mtime.sec, 1000);
	assert_int_equal(a->mtime.nsec, 5);
	assert_int_equal(b->mtime.sec, -7);
	assert_int_equal(b->mtime.nsec, 9);
	assert_int_equal(tree_lookup(t, "d")->uid, 70000);
	assert_int_equal(tree_root(t)->gid, 4000000000);
}

static void the_root_can_get_another_owner_and_mode(void **state)
{
	const struct tree_options options = {.set_owner = true, .uid = 5, .gid = 6};
	CLEANUP_TREE struct tree *t = tree_new(&options);
	const struct tree_xattr xattrs[] = {
		{"system.posix_acl_access", "a", 1}, {"user.kept", "b", 1}};
	struct tree_inode *root = tree_root(t);

	(void)state;
	add_dir(t, "/", 0700);
	root->xattrs = xattrs;
	root->n_xattrs = 2;
	tree_set_root_owner(t, 7, 4294967294);
	assert_int_equal(root->uid, 7);
	assert_int_equal(root->gid, 4294967294);
	assert_int_equal(root->mode, S_IFDIR | 0700);
	tree_set_root_mode(t, 01777);
	assert_int_equal(root->mode, S_IFDIR | 01777);
	/* An ACL would say something else than the mode. */
	assert_int_equal(root->n_xattrs, 1);
	assert_string_equal(root->xattrs[0].name, "user.kept");
	root->xattrs = xattrs;
	root->n_xattrs = 1;
	tree_set_root_mode(t, 0755);
	assert_int_equal(root->n_xattrs, 0);
}

static void what_is_no_file_is_refused(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	const struct tree_time now = {0};

	(void)state;
	assert_fails(tree_add_file(t, "dev",
			     &(struct tree_file){.mode = S_IFCHR, .mtime = now}, &err),
		"dev");
	assert_fails(tree_add_file(t, "l",
			     &(struct tree_file){.mode = S_IFLNK, .mtime = now}, &err),
		"'l'");
	assert_fails(
		tree_add_file(t, "l",
			&(struct tree_file){
				.mode = S_IFLNK, .mtime = now, .data = "a\0b", .len = 3},
			&err),
		"'l'");
	assert_fails(
		tree_add_file(t, "/",
			&(struct tree_file){
				.mode = S_IFREG, .mtime = now, .data = "x", .len = 1},
			&err),
		"'/'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_ancestors_are_made_root_owned),
		cmocka_unit_test(the_later_of_two_files_wins),
		cmocka_unit_test(a_file_replaces_a_directory_and_a_directory_a_file),
		cmocka_unit_test(directories_merge_and_take_the_later_metadata),
		cmocka_unit_test(symlinked_directories_are_resolved_in_the_tree),
		cmocka_unit_test(a_directory_leaves_a_symlink_to_a_directory),
		cmocka_unit_test(a_directory_replaces_a_symlink_to_a_file),
		cmocka_unit_test(dotdot_never_leads_above_the_root),
		cmocka_unit_test(a_symlink_loop_is_an_error),
		cmocka_unit_test(forty_symlinks_are_followed_and_no_more),
		cmocka_unit_test(lookup_does_not_follow_the_last_symlink),
		cmocka_unit_test(removing_takes_all_below_and_the_name_can_come_back),
		cmocka_unit_test(names_have_up_to_255_bytes_of_any_value),
		cmocka_unit_test(every_file_gets_the_owner_and_no_later_time),
		cmocka_unit_test(the_root_can_get_another_owner_and_mode),
		cmocka_unit_test(what_is_no_file_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
