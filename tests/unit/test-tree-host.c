/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Directories and single paths of the host: everything a file has arrives, and nothing
 * else. */
#include "test-tree.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

static struct tree *tree_of(const char *dir)
{
	struct tree *t = tree_new(NULL);

	assert_ok(tree_add_directory(t, dir, "/", &err));
	return t;
}

static void set_time(const char *path, int64_t sec, long nsec)
{
	const struct timespec times[] = {{.tv_sec = 1}, {.tv_sec = sec, .tv_nsec = nsec}};

	assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void a_directory_arrives_with_its_types(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX, .sun_path = "d/sock"};

	(void)state;
	make_dir("d");
	make_dir("d/sub");
	write_file("d/sub/f", "text");
	write_file("d/empty", "");
	make_link("/no/where", "d/link");
	assert_int_equal(mkfifo("d/pipe", 0600), 0);
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	CLEANUP_TREE struct tree *t = tree_of("d");
	assert_tree(t,
		"/empty =\n/link -> /no/where\n/pipe p\n/sock s\n/sub/\n/sub/f =text\n");
}

static void modes_and_times_are_kept(void **state)
{
	static const int64_t times[] = {-86400, 0, 2208988800, 4102444800};
	char path[32];

	(void)state;
	make_dir("d");
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "d/%d", i);
		write_file(path, "");
		set_time(path, times[i], 999999999 - i);
	}
	make_link("x", "d/link");
	set_time("d/link", 12345, 678);
	assert_int_equal(chmod("d/0", 06755), 0);
	assert_int_equal(chmod("d", 03775), 0);
	set_time("d", 77, 88);
	CLEANUP_TREE struct tree *t = tree_of("d");
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%d", i);
		const struct tree_inode *inode = tree_lookup(t, path);
		assert_int_equal(inode->mtime.sec, times[i]);
		assert_int_equal(inode->mtime.nsec, 999999999 - i);
	}
	assert_int_equal(tree_lookup(t, "0")->mode, S_IFREG | 06755);
	assert_int_equal(tree_root(t)->mode, S_IFDIR | 03775);
	assert_int_equal(tree_root(t)->mtime.sec, 77);
	assert_int_equal(tree_lookup(t, "link")->mtime.nsec, 678);
}

static void owners_and_devices_are_kept_whole(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip_because("only root can make these files");
	make_dir("d");
	write_file("d/f", "");
	make_link("x", "d/l");
	assert_int_equal(lchown("d/f", 4000000000, 100000), 0);
	assert_int_equal(lchown("d/l", 70000, 70001), 0);
	if (mknod("d/c", S_IFCHR | 0600, makedev(300, 300)) < 0)
		skip_because("device files can't be made here");
	assert_int_equal(mknod("d/b", S_IFBLK | 0600, makedev(4095, 1048575)), 0);
	CLEANUP_TREE struct tree *t = tree_of("d");
	assert_int_equal(tree_lookup(t, "f")->uid, 4000000000);
	assert_int_equal(tree_lookup(t, "f")->gid, 100000);
	assert_int_equal(tree_lookup(t, "l")->uid, 70000);
	assert_tree(t, "/b b4095:1048575\n/c c300:300\n/f =\n/l -> x\n");
}

static void long_symlinks_are_whole(void **state)
{
	char target[4096];

	(void)state;
	make_dir("d");
	memset(target, 't', 4095);
	target[4095] = '\0';
	make_link(target, "d/l");
	CLEANUP_TREE struct tree *t = tree_of("d");
	assert_string_equal(tree_lookup(t, "l")->target, target);
	assert_int_equal(tree_lookup(t, "l")->size, 4095);
}

static void hard_links_stay_links_across_inputs(void **state)
{
	(void)state;
	make_dir("d");
	make_dir("e");
	write_file("d/a", "one");
	assert_int_equal(link("d/a", "d/b"), 0);
	assert_int_equal(link("d/a", "e/c"), 0);
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	assert_ok(tree_add_directory(t, "d", "/", &err));
	assert_ok(tree_add_directory(t, "e", "/", &err));
	assert_ok(tree_add_path(t, ".", "/e/c", &err));
	assert_ptr_equal(tree_lookup(t, "a"), tree_lookup(t, "b"));
	assert_ptr_equal(tree_lookup(t, "a"), tree_lookup(t, "c"));
	assert_ptr_equal(tree_lookup(t, "a"), tree_lookup(t, "e/c"));
	tree_finish(t);
	assert_int_equal(tree_lookup(t, "a")->nlink, 4);
	assert_int_equal(tree_inode_count(t), 3);
}

static void holes_stay_holes(void **state)
{
	const off_t mib = 1024 * 1024;

	(void)state;
	make_dir("d");
	CLEANUP_CLOSE int fd = open("d/s", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	assert_int_equal(io_pwrite_full(fd, "a", 1, 2 * mib), 0);
	assert_int_equal(io_pwrite_full(fd, "b", 1, 5 * mib), 0);
	assert_int_equal(ftruncate(fd, 9 * mib), 0);
	CLEANUP_CLOSE int hole = open("d/h", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(hole, 3 * mib), 0);
	if (lseek(fd, 0, SEEK_DATA) != 2 * mib)
		skip_because("this file system does not tell where holes are");
	CLEANUP_TREE struct tree *t = tree_of("d");
	const struct tree_inode *s = tree_lookup(t, "s"), *h = tree_lookup(t, "h");
	assert_int_equal(s->n_extents, 2);
	assert_int_equal(s->extents[0].offset, 2 * mib);
	assert_int_equal(s->extents[1].offset, 5 * mib);
	assert_in_range(s->extents[1].len, 1, mib);
	assert_int_equal(s->size, 9 * mib);
	assert_false(s->all_hole);
	assert_true(h->all_hole);
	assert_int_equal(h->n_extents, 0);
}

static const struct tree_xattr *find_xattr(
	const struct tree_inode *inode, const char *name)
{
	for (uint32_t i = 0; i < inode->n_xattrs; i++)
		if (strcmp(inode->xattrs[i].name, name) == 0)
			return &inode->xattrs[i];
	return NULL;
}

static void assert_xattr(
	const struct tree_inode *inode, const char *name, const void *value, size_t len)
{
	const struct tree_xattr *x = find_xattr(inode, name);

	assert_true(x && x->len == len && memcmp(x->value, value, len) == 0);
}

static void extended_attributes_are_kept(void **state)
{
	/* cap_net_raw=ep */
	static const char cap[] = "\1\0\0\2\0\40\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
	/* u::rw-,u:70000:r--,g::r--,m::r--,o::--- */
	static const char acl[] = "\2\0\0\0"
				  "\1\0\6\0\xff\xff\xff\xff"
				  "\2\0\4\0\x70\x11\1\0"
				  "\4\0\4\0\xff\xff\xff\xff"
				  "\20\0\4\0\xff\xff\xff\xff"
				  "\40\0\0\0\xff\xff\xff\xff";
	char large[3000];

	(void)state;
	make_dir("d");
	write_file("d/f", "x");
	memset(large, 'v', sizeof(large));
	if (setxattr("d/f", "user.z", "a\0b", 3, 0) < 0)
		skip_because("this file system has no user attributes");
	assert_int_equal(setxattr("d/f", "user.empty", "", 0, 0), 0);
	assert_int_equal(setxattr("d", "user.large", large, sizeof(large), 0), 0);
	bool root = geteuid() == 0 &&
		setxattr("d/f", "security.capability", cap, 20, 0) == 0 &&
		setxattr("d/f", "trusted.t", "1", 1, 0) == 0;
	bool acls =
		setxattr("d/f", "system.posix_acl_access", acl, sizeof(acl) - 1, 0) == 0;
	CLEANUP_TREE struct tree *t = tree_of("d");
	const struct tree_inode *f = tree_lookup(t, "f");
	assert_xattr(f, "user.z", "a\0b", 3);
	assert_xattr(f, "user.empty", "", 0);
	assert_xattr(tree_root(t), "user.large", large, sizeof(large));
	for (uint32_t i = 1; i < f->n_xattrs; i++)
		assert_true(strcmp(f->xattrs[i - 1].name, f->xattrs[i].name) < 0);
	if (root)
		assert_xattr(f, "security.capability", cap, 20);
	if (root)
		assert_xattr(f, "trusted.t", "1", 1);
	if (acls)
		assert_xattr(f, "system.posix_acl_access", acl, sizeof(acl) - 1);
	if (!root || !acls)
		skip_because("capabilities or ACLs can't be set here; the others were "
			     "checked");
}

static void the_links_of_the_host_are_not_followed(void **state)
{
	(void)state;
	make_dir("secret");
	write_file("secret/key", "k");
	make_dir("d");
	make_link("../secret", "d/s");
	make_dir("top");
	make_link("../d", "top/out");
	CLEANUP_TREE struct tree *t = tree_of("d");
	assert_tree(t, "/s -> ../secret\n");
	/* `..` ends at the root that was given. */
	CLEANUP_TREE struct tree *u = tree_new(NULL);
	assert_int_equal(tree_add_path(u, "top", "/../secret/key", &err), 1);
	assert_int_equal(tree_add_path(u, "top", "/out/s/key", &err), 1);
	assert_tree(u, "/out -> ../d\n");
}

static void an_input_can_be_put_anywhere(void **state)
{
	(void)state;
	make_dir("d");
	write_file("d/f", "1");
	assert_int_equal(chmod("d", 0700), 0);
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	add_symlink(t, "lib", "usr/lib");
	assert_ok(tree_add_directory(t, "d", "/lib/x", &err));
	assert_int_equal(tree_lookup(t, "usr/lib/x")->mode, S_IFDIR | 0700);
	assert_tree(
		t, "/lib -> usr/lib\n/usr/\n/usr/lib/\n/usr/lib/x/\n/usr/lib/x/f =1\n");
}

static void a_file_can_get_another_name(void **state)
{
	(void)state;
	make_dir("d");
	write_file("d/from", "1");
	write_file("d/as", "2");
	write_file("d/single", "3");
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	assert_ok(tree_add_path_as(t, "d", "/from", "/as", &err));
	assert_ok(tree_add_single(t, "d", "/from", "/single", &err));
	assert_tree(t, "/as =1\n/single =1\n");
}

static char skipped[4096];

static void note_skip(const char *path, const char *reason, void *data)
{
	(void)data;
	strncat(skipped, path, 1000);
	strncat(skipped, " ", 2);
	strncat(skipped, reason, 100);
	strncat(skipped, "\n", 2);
}

static void the_unreadable_is_an_error_or_left_out_and_told(void **state)
{
	const struct tree_options options = {
		.skip_unreadable = true, .on_skip = note_skip};

	(void)state;
	make_dir("d");
	make_dir("d/dir");
	write_file("d/dir/x", "1");
	write_file("d/f", "1");
	write_file("d/good", "1");
	write_file("d/nothing-to-read", "");
	/* Root reads everything: become someone for this test. */
	bool root = geteuid() == 0;
	if (root && (chown("d/good", 65534, 65534) || seteuid(65534)))
		skip_because("can't become an ordinary user");
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(
		chmod("d/f", 0) || chmod("d/dir", 0) || chmod("d/nothing-to-read", 0), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	assert_fails(tree_add_directory(t, "d", "/", &err), "Permission denied");
	assert_fails(tree_add_path(t, "d", "f", &err), "'d/f'");
	CLEANUP_TREE struct tree *u = tree_new(&options);
	skipped[0] = '\0';
	assert_ok(tree_add_directory(u, "d", "/", &err));
	assert_non_null(strstr(skipped, "d/f Permission denied\n"));
	assert_non_null(strstr(skipped, "d/dir Permission denied\n"));
	/* Its metadata can be had: a package's directory that only root may enter. */
	CLEANUP_TREE struct tree *v = tree_new(&options);
	assert_ok(tree_add_path(v, "d", "dir", &err));
	assert_int_equal(tree_add_path(v, "d", "dir/x", &err), 1);
	assert_tree(u, "/good =1\n/nothing-to-read =\n");
	assert_tree(v, "/dir/\n");
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod("d/dir", 0700), 0);
}

static void expect_change(const char *what)
{
	CLEANUP_TREE struct tree *t = tree_of("d");
	CLEANUP_CLOSE int fd = -1, late = -1;
	uint64_t offset;

	const struct tree_inode *f = tree_lookup(t, "f");
	assert_ok(tree_content_open(f, &fd, &offset, &err));
	assert_ok(tree_content_verify(f, fd, &err));
	usleep(10 * 1000); /* the clock of file times ticks slowly */
	if (strcmp(what, "edited") == 0)
		write_file("d/f", "other");
	else if (strcmp(what, "longer") == 0)
		write_file("d/f", "longer");
	else if (unlink("d/f") == 0)
		make_link("/etc/hostname", "d/f");
	assert_fails(tree_content_verify(f, fd, &err), "'d/f'");
	assert_fails(tree_content_open(f, &late, &offset, &err), "'d/f'");
}

static void a_file_that_changes_is_noticed(void **state)
{
	(void)state;
	make_dir("d");
	write_file("d/f", "first");
	expect_change("edited");
	expect_change("longer");
	expect_change("replaced");
}

static void paths_bring_their_ancestors(void **state)
{
	(void)state;
	make_dir("root");
	make_dir("root/usr");
	make_dir("root/usr/lib");
	make_dir("root/usr/lib/sub");
	write_file("root/usr/lib/sub/x", "1");
	write_file("root/usr/lib/y", "2");
	make_link("usr/lib", "root/lib");
	make_link("/usr/lib/sub", "root/abs");
	assert_int_equal(chmod("root/usr/lib", 0711), 0);
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	assert_ok(tree_add_path(t, "root", "/lib/sub/x", &err));
	assert_ok(tree_add_path(t, "root", "/abs/../y", &err));
	assert_int_equal(tree_add_path(t, "root", "/lib/none", &err), 1);
	assert_int_equal(tree_add_path(t, "root", "/none/none", &err), 1);
	assert_int_equal(tree_add_path(t, "root", "/usr/lib/y/none", &err), 1);
	assert_int_equal(tree_lookup(t, "usr/lib")->mode, S_IFDIR | 0711);
	assert_tree(t,
		"/abs -> /usr/lib/sub\n/lib -> usr/lib\n/usr/\n/usr/lib/\n"
		"/usr/lib/sub/\n/usr/lib/sub/x =1\n/usr/lib/y =2\n");
}

static void ancestors_that_the_tree_has_stay(void **state)
{
	(void)state;
	make_dir("root");
	make_dir("root/usr");
	make_dir("root/usr/lib");
	write_file("root/usr/lib/x", "1");
	make_link("usr/lib", "root/lib");
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	add_text(t, "lib/own", "o");
	assert_ok(tree_add_path(t, "root", "/lib/x", &err));
	assert_tree(t, "/lib/\n/lib/own =o\n/lib/x =1\n/usr/\n/usr/lib/\n");
}

static void a_directory_path_brings_its_metadata_only(void **state)
{
	(void)state;
	make_dir("root");
	make_dir("root/d");
	write_file("root/d/x", "1");
	assert_int_equal(chmod("root/d", 01777), 0);
	assert_int_equal(chmod("root", 0700), 0);
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	assert_ok(tree_add_path(t, "root", "/d/", &err));
	assert_int_equal(tree_root(t)->mode, S_IFDIR | 0755);
	assert_ok(tree_add_path(t, "root", "/.", &err));
	assert_int_equal(tree_root(t)->mode, S_IFDIR | 0700);
	assert_int_equal(tree_lookup(t, "d")->mode, S_IFDIR | 01777);
	assert_tree(t, "/d/\n");
}

static void what_other_inputs_replace_is_not_remembered(void **state)
{
	(void)state;
	make_dir("root");
	make_dir("root/d");
	write_file("root/d/x", "1");
	write_file("root/d/y", "2");
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	assert_ok(tree_add_path(t, "root", "/d/x", &err));
	add_symlink(t, "d", "e");
	assert_ok(tree_add_path(t, "root", "/d/y", &err));
	assert_tree(t, "/d -> e\n/e/\n/e/y =2\n");
}

static void loops_on_the_host_are_errors(void **state)
{
	(void)state;
	make_dir("root");
	make_link("b", "root/a");
	make_link("a", "root/b");
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	assert_fails(tree_add_path(t, "root", "/a/x", &err), "symbolic links");
	assert_ok(tree_add_path(t, "root", "/a", &err));
}

static void depth_costs_no_descriptors_and_no_path_limit(void **state)
{
	char name[201];
	struct rlimit few = {.rlim_cur = 40, .rlim_max = 0}, before;

	(void)state;
	memset(name, 'n', 200);
	name[200] = '\0';
	CLEANUP_CLOSE int top = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 60; i++) {
		make_dir(name);
		assert_int_equal(chdir(name), 0);
	}
	write_file("end", "here");
	assert_int_equal(fchdir(top), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	CLEANUP_TREE struct tree *t = tree_of(".");
	tree_finish(t);
	assert_int_equal(tree_inode_count(t), 62);
	CLEANUP_FREE char *text = content_of(tree_inode_at(t, 61));
	assert_string_equal(text, "here");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(a_directory_arrives_with_its_types),
		scratch_test(modes_and_times_are_kept),
		scratch_test(owners_and_devices_are_kept_whole),
		scratch_test(long_symlinks_are_whole),
		scratch_test(hard_links_stay_links_across_inputs),
		scratch_test(holes_stay_holes),
		scratch_test(extended_attributes_are_kept),
		scratch_test(the_links_of_the_host_are_not_followed),
		scratch_test(an_input_can_be_put_anywhere),
		scratch_test(a_file_can_get_another_name),
		scratch_test(the_unreadable_is_an_error_or_left_out_and_told),
		scratch_test(a_file_that_changes_is_noticed),
		scratch_test(paths_bring_their_ancestors),
		scratch_test(ancestors_that_the_tree_has_stay),
		scratch_test(a_directory_path_brings_its_metadata_only),
		scratch_test(what_other_inputs_replace_is_not_remembered),
		scratch_test(loops_on_the_host_are_errors),
		scratch_test(depth_costs_no_descriptors_and_no_path_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
