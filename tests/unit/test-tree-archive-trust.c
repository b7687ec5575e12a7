/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An archive is not trusted: its names and links may lead anywhere, and it may be cut off.
 * And: what it may replace of the tree that is there before it. */
#include "fixture-archive.h"

static void entries_are_confined(void **state)
{
	static const char *const bad[] = {"../x", "a/../../x", "a/.."};

	(void)state;
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_GNUTAR);
	put_file(a, "//abs", "1");
	put_file(a, "./dot/./x", "2");
	put_link(a, "dot/h", "/abs", NULL);
	end(a);
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	assert_ok(add(t, "a", "/opt"));
	assert_tree(t, "/opt/\n/opt/abs =1\n/opt/dot/\n/opt/dot/h =1\n/opt/dot/x =2\n");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		a = begin(ARCHIVE_FORMAT_TAR_GNUTAR);
		put_file(a, bad[i], "1");
		end(a);
		CLEANUP_TREE struct tree *u = tree_new(NULL);
		assert_fails(add(u, "a", "/"), bad[i]);
		a = begin(ARCHIVE_FORMAT_TAR_GNUTAR);
		put_link(a, "h", bad[i], NULL);
		end(a);
		assert_fails(add(u, "a", "/"), bad[i]);
	}
}

static void a_hard_link_never_means_the_hosts_file(void **state)
{
	(void)state;
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_GNUTAR);
	put_link(a, "h", "/etc/passwd", NULL);
	end(a);
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	add_text(t, "etc/passwd", "tree's");
	assert_fails(add(t, "a", "/opt"), "etc/passwd");
	assert_ok(add(t, "a", "/"));
	assert_ptr_equal(tree_lookup(t, "h"), tree_lookup(t, "etc/passwd"));
}

/* One entry as POSIX has it, for what libarchive doesn't write. */
static void put_raw(struct strbuf *sb, const char *path, char type, const char *link,
	const char *text)
{
	char block[512] = {0};
	unsigned sum = 0;

	snprintf(block, 100, "%s", path);
	memcpy(block + 100, "0000644", 8);
	memcpy(block + 108, "0000000", 8);
	memcpy(block + 116, "0000000", 8);
	snprintf(block + 124, 12, "%011o", (unsigned)strlen(text) & 0777);
	memcpy(block + 136, "00000000000", 12);
	memset(block + 148, ' ', 8);
	block[156] = type;
	snprintf(block + 157, 100, "%s", link);
	memcpy(block + 257, "ustar\00000", 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)block[i];
	snprintf(block + 148, 8, "%06o", sum);
	strbuf_add(sb, block, 512);
	memset(block, 0, 512);
	memcpy(block, text, strlen(text));
	strbuf_add(sb, block, text[0] ? 512 : 0);
}

static void a_hard_link_with_data_gives_it_to_all_names(void **state)
{
	CLEANUP_STRBUF struct strbuf sb = {0};
	static const char nothing[1024];

	(void)state;
	/* Only after a PAX header has an old-style size of a hard link a meaning. */
	put_raw(&sb, "pax", 'x', "", "11 mtime=1\n");
	put_raw(&sb, "one", '0', "", "old");
	put_raw(&sb, "two", '1', "one", "new data");
	put_raw(&sb, "three", '0', "", "3");
	strbuf_add(&sb, nothing, sizeof(nothing));
	CLEANUP_CLOSE int fd = open("a", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	assert_int_equal(io_write_full(fd, sb.data, sb.len), 0);
	CLEANUP_TREE struct tree *t = tree_of("a");
	assert_tree(t, "/one =new data\n/three =3\n/two =new data\n");
}

static void data_that_a_sparse_map_promises_has_to_come(void **state)
{
	CLEANUP_STRBUF struct strbuf sb = {0};
	static const char nothing[1024];

	(void)state;
	put_raw(&sb, "pax", 'x', "",
		"30 GNU.sparse.map=0,10,100,10\n23 GNU.sparse.size=200\n");
	put_raw(&sb, "f", '0', "", "ten bytes!");
	strbuf_add(&sb, nothing, sizeof(nothing));
	CLEANUP_CLOSE int fd = open("a", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	assert_int_equal(io_write_full(fd, sb.data, sb.len), 0);
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	assert_fails(add(t, "a", "/"), "'f': its data ends before its size says");
}

static void the_root_entry_carries_the_metadata_of_its_place(void **state)
{
	(void)state;
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_GNUTAR);
	struct archive_entry *e = entry("./", S_IFDIR | 01770);
	archive_entry_set_uid(e, 5);
	put(a, e, NULL);
	put_file(a, "./x", "1");
	end(a);
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	assert_ok(add(t, "a", "/srv"));
	assert_int_equal(tree_lookup(t, "srv")->mode, S_IFDIR | 01770);
	assert_int_equal(tree_lookup(t, "srv")->uid, 5);
	assert_int_equal(tree_root(t)->uid, 0);
}

static void a_directory_entry_keeps_a_merged_usr(void **state)
{
	(void)state;
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_GNUTAR);
	put(a, entry("bin", S_IFDIR | 0755), NULL);
	put_file(a, "bin/x", "1");
	end(a);
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	add_symlink(t, "bin", "usr/bin");
	assert_ok(add(t, "a", "/"));
	assert_tree(t, "/bin -> usr/bin\n/usr/\n/usr/bin/\n/usr/bin/x =1\n");
}

static void a_symlink_in_an_archive_leads_nowhere_else(void **state)
{
	(void)state;
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_GNUTAR);
	struct archive_entry *e = entry("out", S_IFLNK | 0777);
	archive_entry_copy_symlink(e, "/tmp/../../../../etc");
	put(a, e, NULL);
	put_file(a, "out/x", "1");
	end(a);
	CLEANUP_TREE struct tree *t = tree_of("a");
	assert_tree(t, "/etc/\n/etc/x =1\n/out -> /tmp/../../../../etc\n/tmp/\n");
}

static void too_long_a_name_is_named(void **state)
{
	char name[258];

	(void)state;
	memset(name, 'n', 256);
	name[256] = '\0';
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_GNUTAR);
	put_file(a, name, "");
	end(a);
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	assert_fails(add(t, "a", "/"), "256 bytes");
}

/* Cut the archive "a" to its first `len` bytes, in "cut". */
static void cut(const char *data, size_t len)
{
	CLEANUP_CLOSE int fd =
		open("cut", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	assert_int_equal(io_write_full(fd, data, len), 0);
}

static void assert_no_cut_passes(size_t step, size_t whole)
{
	CLEANUP_FREE char *data = NULL;
	size_t len;

	assert_ok(io_read_file(AT_FDCWD, "a", 1 << 24, &data, &len, &err));
	for (size_t n = step; n < MIN(len, whole); n += step) {
		CLEANUP_TREE struct tree *t = tree_new(NULL);
		cut(data, n);
		err.msg[0] = '\0';
		if (add(t, "cut", "/") == 0)
			fail_msg("cut to %zu of %zu bytes, it passes", n, len);
		assert_non_null(strstr(err.msg, "archive 'cut'"));
	}
}

static void a_truncated_archive_never_passes(void **state)
{
	CLEANUP_FREE char *noise = xmalloc(4001);

	(void)state;
	for (int i = 0; i < 4000; i++)
		noise[i] = 'a' + (i * 7919 % 26 + i / 26) % 26;
	noise[4000] = '\0';
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_USTAR);
	put_file(a, "one", noise);
	put(a, entry("dir", S_IFDIR | 0755), NULL);
	put_file(a, "two", noise);
	end(a);
	/* The end mark begins at 3 headers and twice 8 blocks. */
	assert_no_cut_passes(128, (3 + 2 * 8) * 512 + 1);
	assert_int_equal(RUN("gzip", "-kf", "a"), 0);
	assert_int_equal(rename("a.gz", "a"), 0);
	assert_no_cut_passes(1, SIZE_MAX);
	a = begin(ARCHIVE_FORMAT_CPIO_SVR4_NOCRC);
	put_file(a, "one", noise);
	put_file(a, "two", noise);
	end(a);
	assert_no_cut_passes(4, 2 * (112 + 4 + 4000) + 110);
}

static void what_is_no_archive_is_an_error(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	write_file("text", "#mtree\n/set type=file\nx content=/etc/passwd\n");
	assert_fails(add(t, "text", "/"), "archive 'text'");
	write_file("nothing", "");
	assert_fails(add(t, "nothing", "/"), "it is empty");
	assert_int_equal(RUN("gzip", "nothing"), 0);
	assert_fails(add(t, "nothing.gz", "/"), "it is empty");
}

static void what_follows_an_archive_is_no_secret(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_USTAR);
	put_file(a, "f", "text");
	end(a);
	assert_int_equal(RUN("sh", "-c",
				 "{ cat a; echo junk; } >junk; head -c 99999 "
				 "/dev/zero >zeros; cat a zeros >padded; gzip a; "
				 "cat a.gz zeros >padded.gz; { cat a.gz; echo junk; } "
				 ">junk.gz; cat a.gz a.gz >twice.gz"),
		0);
	assert_fails(add(t, "junk", "/"),
		"after the first archive's end: it is neither a tar nor a cpio archive");
	assert_fails(add(t, "junk.gz", "/"), "follows its compressed data");
	assert_ok(add(t, "padded", "/"));
	assert_ok(add(t, "padded.gz", "/"));
	assert_ok(add(t, "twice.gz", "/"));
}

/* A decompressor that gets too little says so, whatever its library calls it. */
static void a_cut_of_compressed_data_is_called_one(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_USTAR);
	put_file(a, "f", "text");
	end(a);
	assert_int_equal(RUN("sh", "-c",
				 "gzip -k a; xz -k a; head -c -4 a.gz >b.gz; "
				 "head -c -30 a.xz >b.xz"),
		0);
	assert_fails(add(t, "b.gz", "/"), "ends too early: it was cut off");
	assert_fails(add(t, "b.xz", "/"), "ends too early: it was cut off");
}

static void what_cant_be_stored_is_an_error(void **state)
{
	static const char *const attributes[] = {
		"com.apple.quarantine", "system.nfs4_acl", "system.richacl"};
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		struct archive *a = begin(ARCHIVE_FORMAT_TAR_PAX_RESTRICTED);
		struct archive_entry *e = entry("dir/f", S_IFREG | 0644);
		archive_entry_xattr_add_entry(e, attributes[i], "x", 1);
		put(a, e, NULL);
		end(a);
		assert_fails(add(t, "a", "/"), attributes[i]);
		assert_non_null(strstr(err.msg, "'dir/f'"));
	}
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_PAX_RESTRICTED);
	struct archive_entry *e = entry("f", S_IFREG | 0644);
	archive_entry_copy_fflags_text(e, "schg");
	put(a, e, NULL);
	end(a);
	assert_fails(add(t, "a", "/"), "its file flags 'schg'");
	a = begin(ARCHIVE_FORMAT_TAR_PAX_RESTRICTED);
	e = entry("f", S_IFREG | 0644);
	archive_entry_acl_add_entry(e, ARCHIVE_ENTRY_ACL_TYPE_ALLOW,
		ARCHIVE_ENTRY_ACL_READ_DATA, ARCHIVE_ENTRY_ACL_USER, 7, "seven");
	put(a, e, NULL);
	end(a);
	assert_fails(add(t, "a", "/"), "NFSv4 ACL");
}

/* A file system has 32 bits for each: 4294967296 would be root. */
static void an_owner_that_cant_be_stored_is_an_error(void **state)
{
	const int64_t too_large = 1LL << 32;
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	for (int is_group = 0; is_group < 2; is_group++) {
		struct archive *a = begin(ARCHIVE_FORMAT_TAR_PAX_RESTRICTED);
		struct archive_entry *e = entry("f", S_IFREG | 04755);
		(is_group ? archive_entry_set_gid : archive_entry_set_uid)(e, too_large);
		put(a, e, NULL);
		end(a);
		assert_fails(add(t, "a", "/"),
			is_group ? "group 4294967296" : "owner 4294967296");
	}
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_PAX_RESTRICTED);
	struct archive_entry *e = entry("f", S_IFREG | 04755);
	archive_entry_set_uid(e, too_large - 1);
	put(a, e, NULL);
	end(a);
	assert_ok(add(t, "a", "/"));
	assert_int_equal(tree_lookup(t, "f")->uid, UINT32_MAX);
}

static void endless_contents_end_at_the_images_size(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(&(struct tree_options){.max_data = 99998});
	CLEANUP_FREE char *text = xcalloc(1, 99999);

	(void)state;
	memset(text, 'x', 99998);
	for (int n = 1; n <= 9; n++) {
		struct archive *a = begin(ARCHIVE_FORMAT_TAR_USTAR);
		put_file(a, "f", text);
		end(a);
		/* It has this name, and its room, several times. */
		if (n <= 8)
			assert_ok(add(t, "a", "/"));
		else
			assert_fails(add(t, "a", "/"), "'f': its data does not fit");
	}
	CLEANUP_TREE struct tree *u = tree_new(&(struct tree_options){.max_data = 99000});
	assert_fails(add(u, "a", "/"), "'f': its data does not fit");
}

static void later_entries_and_archives_win(void **state)
{
	(void)state;
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_GNUTAR);
	put_file(a, "f", "old");
	put_file(a, "f", "newer");
	put_file(a, "d/x", "1");
	put_file(a, "d", "file now");
	end(a);
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	add_text(t, "f", "oldest");
	assert_ok(add(t, "a", "/"));
	assert_tree(t, "/d =file now\n/f =newer\n");
}

static void a_full_disk_is_said(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	make_dir("full");
	if (geteuid() != 0 ||
		RUN("mount", "-t", "tmpfs", "-o", "size=64k", "hypermin-test", "full"))
		skip_because("only root can mount a small file system");
	CLEANUP_FREE char *big = xcalloc(1, 200001);
	memset(big, 'b', 200000);
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_GNUTAR);
	put_file(a, "f", big);
	end(a);
	CLEANUP_CLOSE int fd = open("a", O_RDONLY | O_CLOEXEC);
	int r = tree_add_archive(t,
		&(struct tree_archive){
			.fd = fd, .name = "a", .at = "/", .spool_dir = "full"},
		&err);
	RUN("umount", "-l", "full");
	assert_int_equal(r, -1);
	assert_non_null(strstr(err.msg, "in 'full': No space left on device"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(entries_are_confined),
		scratch_test(a_hard_link_never_means_the_hosts_file),
		scratch_test(a_hard_link_with_data_gives_it_to_all_names),
		scratch_test(data_that_a_sparse_map_promises_has_to_come),
		scratch_test(the_root_entry_carries_the_metadata_of_its_place),
		scratch_test(a_directory_entry_keeps_a_merged_usr),
		scratch_test(a_symlink_in_an_archive_leads_nowhere_else),
		scratch_test(too_long_a_name_is_named),
		scratch_test(a_truncated_archive_never_passes),
		scratch_test(what_is_no_archive_is_an_error),
		scratch_test(what_follows_an_archive_is_no_secret),
		scratch_test(a_cut_of_compressed_data_is_called_one),
		scratch_test(what_cant_be_stored_is_an_error),
		scratch_test(an_owner_that_cant_be_stored_is_an_error),
		scratch_test(endless_contents_end_at_the_images_size),
		scratch_test(later_entries_and_archives_win),
		scratch_test(a_full_disk_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
