/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Archives: real ones by tar and cpio, written ones for what those can't be made to
 * write. */
#include "test-tree.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

/* An archive being written to "a". */
static struct archive *begin(int format)
{
	struct archive *a = archive_write_new();

	assert_int_equal(archive_write_set_format(a, format), ARCHIVE_OK);
	archive_write_set_bytes_per_block(a, 512);
	assert_int_equal(archive_write_open_filename(a, "a"), ARCHIVE_OK);
	return a;
}

static struct archive_entry *entry(const char *path, mode_t mode)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_copy_pathname(e, path);
	archive_entry_set_mode(e, mode);
	archive_entry_set_mtime(e, 1, 0);
	return e;
}

static void put(struct archive *a, struct archive_entry *e, const char *text)
{
	if (text)
		archive_entry_set_size(e, strlen(text));
	if (archive_write_header(a, e) != ARCHIVE_OK)
		fail_msg("%s", archive_error_string(a));
	if (text)
		assert_int_equal(archive_write_data(a, text, strlen(text)), strlen(text));
	archive_entry_free(e);
}

static void put_file(struct archive *a, const char *path, const char *text)
{
	put(a, entry(path, S_IFREG | 0644), text);
}

static void put_link(
	struct archive *a, const char *path, const char *target, const char *text)
{
	struct archive_entry *e = entry(path, S_IFREG | 0644);

	archive_entry_copy_hardlink(e, target);
	put(a, e, text);
}

static void end(struct archive *a)
{
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

static int add(struct tree *t, const char *file, const char *at)
{
	CLEANUP_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return tree_add_archive(t, fd, file, at, ".", &err);
}

static struct tree *tree_of(const char *file)
{
	struct tree *t = tree_new(NULL);

	assert_ok(add(t, file, "/"));
	return t;
}

static void make_fixture(void)
{
	make_dir("d");
	make_dir("d/sub");
	write_file("d/sub/f", "text");
	write_file("d/one", "linked");
	assert_int_equal(link("d/one", "d/two"), 0);
	make_link("sub/f", "d/l");
	assert_int_equal(mkfifo("d/p", 0600), 0);
}

static const char fixture[] =
	"/l -> sub/f\n/one =linked\n/p p\n/sub/\n/sub/f =text\n/two =linked\n";

static void assert_fixture(const char *file)
{
	CLEANUP_TREE struct tree *t = tree_of(file);

	assert_tree(t, fixture);
	assert_ptr_equal(tree_lookup(t, "one"), tree_lookup(t, "two"));
	assert_int_equal(tree_lookup(t, "one")->nlink, 2);
}

static void all_forms_of_tar_and_their_compressions(void **state)
{
	static const char *const formats[] = {"oldgnu", "gnu", "ustar", "posix"};
	static const char *const filters[] = {
		"gzip", "xz", "zstd", "bzip2", "lzma", "lz4"};

	(void)state;
	make_fixture();
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (RUN("tar", "-H", formats[i], "-C", "d", "-cf", "a", "."))
			skip_because("no GNU tar");
		assert_fixture("a");
	}
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		if (RUN("tar", "-I", filters[i], "-C", "d", "-cf", "a", ".") == 0)
			assert_fixture("a");
		else
			print_message("not checked: no program %s\n", filters[i]);
	}
}

static void cpio_has_the_content_at_the_last_name(void **state)
{
	static const char *const formats[] = {"newc", "odc", "crc"};
	char command[128];

	(void)state;
	make_fixture();
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		snprintf(command, sizeof(command),
			"cd d && find . | LC_ALL=C sort | cpio --quiet -o -H %s >../a",
			formats[i]);
		if (RUN("sh", "-c", command))
			skip_because("no cpio");
		assert_fixture("a");
	}
}

static void a_pipe_will_do(void **state)
{
	int fds[2];

	(void)state;
	make_fixture();
	if (RUN("tar", "-C", "d", "-czf", "a", "."))
		skip_because("no GNU tar");
	CLEANUP_CLOSE int a = open("a", O_RDONLY | O_CLOEXEC);
	CLEANUP_FREE char *data = NULL;
	size_t len;
	assert_ok(io_read_fd(a, "a", 1 << 20, &data, &len, &err));
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_true(len < 60000); /* a pipe holds it */
	assert_int_equal(io_write_full(fds[1], data, len), 0);
	close(fds[1]);
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	assert_ok(tree_add_archive(t, fds[0], "-", "/", ".", &err));
	close(fds[0]);
	assert_tree(t, fixture);
}

static void metadata_is_kept_whole(void **state)
{
	char target[3000];

	(void)state;
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE);
	struct archive_entry *e = entry("f", S_IFREG | 07755);
	archive_entry_set_uid(e, 4000000000);
	archive_entry_set_gid(e, 100000);
	archive_entry_set_mtime(e, -86400, 123456789);
	archive_entry_xattr_add_entry(e, "user.a", "x\0y", 3);
	archive_entry_xattr_add_entry(e, "security.selinux", "label", 5);
	put(a, e, "");
	e = entry("c", S_IFCHR | 0600);
	archive_entry_set_rdevmajor(e, 300);
	archive_entry_set_rdevminor(e, 70000);
	archive_entry_set_mtime(e, 4102444800, 1);
	put(a, e, NULL);
	e = entry("l", S_IFLNK | 0777);
	memset(target, 't', sizeof(target));
	target[sizeof(target) - 1] = '\0';
	archive_entry_copy_symlink(e, target);
	archive_entry_set_uid(e, 70000);
	put(a, e, NULL);
	end(a);

	CLEANUP_TREE struct tree *t = tree_of("a");
	const struct tree_inode *f = tree_lookup(t, "f"), *c = tree_lookup(t, "c"),
				*l = tree_lookup(t, "l");
	assert_int_equal(f->mode, S_IFREG | 07755);
	assert_int_equal(f->uid, 4000000000);
	assert_int_equal(f->gid, 100000);
	assert_int_equal(f->mtime.sec, -86400);
	assert_int_equal(f->mtime.nsec, 123456789);
	assert_int_equal(f->n_xattrs, 2);
	assert_string_equal(f->xattrs[0].name, "security.selinux");
	assert_string_equal(f->xattrs[1].name, "user.a");
	assert_int_equal(f->xattrs[1].len, 3);
	assert_memory_equal(f->xattrs[1].value, "x\0y", 3);
	assert_int_equal(c->rdev_major, 300);
	assert_int_equal(c->rdev_minor, 70000);
	assert_int_equal(c->mtime.sec, 4102444800);
	assert_string_equal(l->target, target);
	assert_int_equal(l->uid, 70000);
}

static void capabilities_that_gnu_tar_stores_are_kept(void **state)
{
	static const char cap[] = "\1\0\0\2\0\40\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

	(void)state;
	make_dir("d");
	write_file("d/f", "x");
	if (geteuid() != 0 ||
		RUN("setfattr", "-n", "security.capability", "-v",
			"0x0100000200200000000000000000000000000000", "d/f"))
		skip_because("only root can set capabilities (with setfattr)");
	if (RUN("tar", "--xattrs", "--xattrs-include=*", "-C", "d", "-cf", "a", "."))
		skip_because("no GNU tar with xattrs");
	CLEANUP_TREE struct tree *t = tree_of("a");
	const struct tree_inode *f = tree_lookup(t, "f");
	assert_int_equal(f->n_xattrs, 1);
	assert_string_equal(f->xattrs[0].name, "security.capability");
	assert_memory_equal(f->xattrs[0].value, cap, 20);
}

static void add_acl(
	struct archive_entry *e, int type, int tag, int perm, int id, const char *name)
{
	assert_int_equal(
		archive_entry_acl_add_entry(e, type, perm, tag, id, name), ARCHIVE_OK);
}

static void acls_become_the_kernels_form(void **state)
{
	static const char access[] = "\2\0\0\0"
				     "\1\0\6\0\xff\xff\xff\xff"
				     "\2\0\7\0\xe8\3\0\0"
				     "\2\0\1\0\x70\x11\1\0"
				     "\4\0\4\0\xff\xff\xff\xff"
				     "\20\0\7\0\xff\xff\xff\xff"
				     "\40\0\0\0\xff\xff\xff\xff";
	static const char standard[] = "\2\0\0\0"
				       "\1\0\7\0\xff\xff\xff\xff"
				       "\4\0\5\0\xff\xff\xff\xff"
				       "\40\0\0\0\xff\xff\xff\xff";
	const int type = ARCHIVE_ENTRY_ACL_TYPE_ACCESS,
		  def = ARCHIVE_ENTRY_ACL_TYPE_DEFAULT;

	(void)state;
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE);
	struct archive_entry *e = entry("d", S_IFDIR | 0640);
	add_acl(e, type, ARCHIVE_ENTRY_ACL_USER, 1, 70000, "b");
	add_acl(e, type, ARCHIVE_ENTRY_ACL_USER, 7, 1000, "a");
	add_acl(e, def, ARCHIVE_ENTRY_ACL_OTHER, 0, -1, NULL);
	add_acl(e, def, ARCHIVE_ENTRY_ACL_USER_OBJ, 7, -1, NULL);
	add_acl(e, def, ARCHIVE_ENTRY_ACL_GROUP_OBJ, 5, -1, NULL);
	put(a, e, NULL);
	end(a);
	CLEANUP_TREE struct tree *t = tree_of("a");
	const struct tree_inode *d = tree_lookup(t, "d");
	assert_int_equal(d->n_xattrs, 2);
	assert_string_equal(d->xattrs[0].name, "system.posix_acl_access");
	assert_int_equal(d->xattrs[0].len, sizeof(access) - 1);
	assert_memory_equal(d->xattrs[0].value, access, sizeof(access) - 1);
	assert_string_equal(d->xattrs[1].name, "system.posix_acl_default");
	assert_memory_equal(d->xattrs[1].value, standard, sizeof(standard) - 1);
	/* The mask is what the group bits mean now. */
	assert_int_equal(d->mode, S_IFDIR | 0670);
}

static void an_acl_by_name_only_is_an_error(void **state)
{
	(void)state;
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE);
	struct archive_entry *e = entry("f", S_IFREG | 0640);
	add_acl(e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, ARCHIVE_ENTRY_ACL_USER, 7, -1, "lisa");
	put(a, e, "");
	end(a);
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	assert_fails(add(t, "a", "/"), "'lisa'");
}

static void sparse_forms_of_tar_keep_holes(void **state)
{
	static const char *const versions[] = {"0.0", "0.1", "1.0"};
	const off_t mib = 1024 * 1024;
	char option[32];

	(void)state;
	make_dir("d");
	CLEANUP_CLOSE int fd = open("d/s", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	assert_int_equal(io_pwrite_full(fd, "a", 1, 2 * mib), 0);
	assert_int_equal(io_pwrite_full(fd, "b", 1, 5 * mib), 0);
	assert_int_equal(ftruncate(fd, 900 * mib), 0);
	CLEANUP_CLOSE int hole = open("d/h", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(hole, 3 * mib), 0);
	for (size_t i = 0; i <= ARRAY_SIZE(versions); i++) {
		bool pax = i < ARRAY_SIZE(versions);
		snprintf(option, sizeof(option), "--sparse-version=%s",
			pax ? versions[i] : "1.0");
		if (RUN("tar", "-S", "-H", pax ? "posix" : "gnu", option, "-C", "d",
			    "-cf", "a", "."))
			skip_because("no GNU tar");
		CLEANUP_TREE struct tree *t = tree_of("a");
		const struct tree_inode *s = tree_lookup(t, "s"),
					*h = tree_lookup(t, "h");
		assert_int_equal(s->size, 900 * mib);
		assert_int_equal(s->n_extents, 2);
		assert_int_equal(s->extents[0].offset, 2 * mib);
		assert_int_equal(s->extents[1].offset, 5 * mib);
		assert_true(h->all_hole);
		assert_int_equal(h->size, 3 * mib);
		CLEANUP_CLOSE int content = -1;
		uint64_t offset;
		char byte;
		struct stat st;
		assert_ok(tree_content_open(s, &content, &offset, &err));
		assert_int_equal(pread(content, &byte, 1, offset + 5 * mib), 1);
		assert_int_equal(byte, 'b');
		assert_int_equal(fstat(content, &st), 0);
		assert_in_range(st.st_blocks, 0, 2048); /* holes take no room */
	}
}

static void names_are_bytes_whatever_the_locale(void **state)
{
	/* In the last, if it is there, UTF-8 could be converted. */
	static const char *const locales[] = {"C", "C.UTF-8", "en_US.ISO-8859-1"};
	static const int formats[] = {
		ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FORMAT_TAR_GNUTAR};
	const char latin1[] = "caf\xe9", utf8[] = "caf\xc3\xa9";
	char long_name[256];

	(void)state;
	memset(long_name, '\xe4', 255);
	long_name[255] = '\0';
	make_dir("d");
	write_file("d/caf\xe9", "1");
	write_file("d/caf\xc3\xa9", "2");
	make_dir("d/e");
	CLEANUP_FREE char *in_dir = xasprintf("d/e/%s", long_name);
	write_file(in_dir, "3");
	make_link("\xe9\xc3\xa9", "d/l");
	for (size_t i = 0; i < 2 * ARRAY_SIZE(locales); i++) {
		if (!setlocale(LC_ALL, locales[i / 2]))
			continue;
		if (RUN("tar", "-H", i % 2 ? "posix" : "gnu", "-C", "d", "-cf", "a", "."))
			skip_because("no GNU tar");
		CLEANUP_TREE struct tree *t = tree_of("a");
		assert_non_null(tree_lookup(t, latin1));
		assert_non_null(tree_lookup(t, utf8));
		assert_non_null(tree_lookup(t, in_dir + 2));
		assert_string_equal(tree_lookup(t, "l")->target, "\xe9\xc3\xa9");
	}
	setlocale(LC_ALL, "C");
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct archive *a = begin(formats[i]);
		put_file(a, latin1, "");
		end(a);
		CLEANUP_TREE struct tree *t = tree_of("a");
		assert_non_null(tree_lookup(t, latin1));
	}
}

static void pax_names_in_utf8_survive(void **state)
{
	(void)state;
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE);
	put_file(a, "gr\xc3\xbc\xc3\x9f", "1");
	put_link(a, "zwei", "gr\xc3\xbc\xc3\x9f", NULL);
	end(a);
	setlocale(LC_ALL, "C");
	CLEANUP_TREE struct tree *t = tree_of("a");
	assert_tree(t, "/gr\xc3\xbc\xc3\x9f =1\n/zwei =1\n");
}

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
	assert_ok(add(t, "nothing", "/"));
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
	int r = tree_add_archive(t, fd, "a", "/", "full", &err);
	RUN("umount", "-l", "full");
	assert_int_equal(r, -1);
	assert_non_null(strstr(err.msg, "in 'full': No space left on device"));
}

static void identity_knows_archives_apart(void **state)
{
	uint8_t before[32], after[32];

	(void)state;
	for (int i = 0; i < 2; i++) {
		int fds[2];
		struct archive *a = begin(ARCHIVE_FORMAT_TAR_GNUTAR);
		put_file(a, "f", i ? "one" : "two");
		end(a);
		CLEANUP_FREE char *data = NULL;
		size_t len;
		assert_ok(io_read_file(AT_FDCWD, "a", 1 << 20, &data, &len, &err));
		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		assert_int_equal(io_write_full(fds[1], data, len), 0);
		close(fds[1]);
		CLEANUP_TREE struct tree *t = tree_new(NULL);
		assert_ok(tree_add_archive(t, fds[0], "-", "/", ".", &err));
		close(fds[0]);
		tree_finish(t);
		tree_identity(t, i ? after : before);
	}
	assert_memory_not_equal(before, after, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(all_forms_of_tar_and_their_compressions),
		scratch_test(cpio_has_the_content_at_the_last_name),
		scratch_test(a_pipe_will_do),
		scratch_test(metadata_is_kept_whole),
		scratch_test(capabilities_that_gnu_tar_stores_are_kept),
		scratch_test(acls_become_the_kernels_form),
		scratch_test(an_acl_by_name_only_is_an_error),
		scratch_test(sparse_forms_of_tar_keep_holes),
		scratch_test(names_are_bytes_whatever_the_locale),
		scratch_test(pax_names_in_utf8_survive),
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
		scratch_test(later_entries_and_archives_win),
		scratch_test(a_full_disk_is_said),
		scratch_test(identity_knows_archives_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
