/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything that an archive says is kept: in archives by tar and cpio, and in archives
 * written here, for what these programs can't write. */
#include <locale.h>

#include "fixture-archive.h"

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
	assert_ok(tree_add_archive(t,
		&(struct tree_archive){
			.fd = fds[0], .name = "-", .at = "/", .spool_dir = "."},
		&err));
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
		assert_ok(tree_add_archive(t,
			&(struct tree_archive){
				.fd = fds[0], .name = "-", .at = "/", .spool_dir = "."},
			&err));
		close(fds[0]);
		tree_finish(t);
		tree_identity(t, i ? after : before);
	}
	assert_memory_not_equal(before, after, 32);
}

/* Some programs number files by 18 bits, or all of them by 0; others repeat the content at
 * each name of a file. */
static void a_number_in_cpio_is_not_yet_a_hard_link(void **state)
{
	static const struct {
		const char *name, *content;
	} files[] = {{"a", "first"}, {"b", "other"}, {"c", "first"}, {"d", "firs"}};

	(void)state;
	for (size_t i = 1; i < ARRAY_SIZE(files); i++) {
		struct archive *a = begin(ARCHIVE_FORMAT_CPIO_POSIX);
		for (size_t k = 0; k <= i; k += i) {
			struct archive_entry *e = entry(files[k].name, S_IFREG | 0644);
			archive_entry_set_ino(e, 7);
			archive_entry_set_nlink(e, 2);
			put(a, e, files[k].content);
		}
		end(a);
		CLEANUP_TREE struct tree *t = tree_of("a");
		for (size_t k = 0; k <= i; k += i) {
			CLEANUP_FREE char *content =
				content_of(tree_lookup(t, files[k].name));
			assert_string_equal(content, files[k].content);
		}
		assert_int_equal(
			tree_lookup(t, "a") == tree_lookup(t, files[i].name), i == 2);
	}
}

static void all_of_several_archives_are_read(void **state)
{
	static const int formats[] = {
		ARCHIVE_FORMAT_TAR_GNUTAR, ARCHIVE_FORMAT_CPIO_SVR4_NOCRC};
	CLEANUP_FREE char *large = xcalloc(1, 200001);

	(void)state;
	memset(large, 'y', 200000);
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct archive *a = begin(formats[i]);
		put_file(a, "one", "1");
		put_file(a, "both", "old");
		end(a);
		assert_int_equal(rename("a", "b"), 0);
		a = begin(formats[i]);
		put_file(a, "both", large);
		put_file(a, "two", "2");
		end(a);
		assert_int_equal(RUN("sh", "-c", "cat b a b a >c; gzip <c >d"), 0);
		for (const char *name = "cd"; *name; name++) {
			CLEANUP_TREE struct tree *t =
				tree_of((const char[]){*name, '\0'});
			CLEANUP_FREE char *both = content_of(tree_lookup(t, "both"));
			assert_string_equal(both, large);
			assert_non_null(tree_lookup(t, "one"));
			assert_non_null(tree_lookup(t, "two"));
		}
	}
}

static void zeros_take_no_room(void **state)
{
	const size_t size = 4000000;
	CLEANUP_FREE char *data = xcalloc(1, size);
	CLEANUP_CLOSE int fd = -1;
	uint64_t offset;
	struct stat st;

	(void)state;
	data[10] = 1;
	data[2000000] = 2;
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_USTAR);
	struct archive_entry *e = entry("f", S_IFREG | 0644);
	archive_entry_set_size(e, size);
	put(a, e, NULL);
	assert_int_equal(archive_write_data(a, data, size), size);
	end(a);
	CLEANUP_TREE struct tree *t = tree_of("a");
	const struct tree_inode *f = tree_lookup(t, "f");
	CLEANUP_FREE char *content = content_of(f);
	assert_memory_equal(content, data, size);
	/* They are no hole of the file, which would make it another one. */
	assert_int_equal(f->n_extents, 0);
	assert_false(f->all_hole);
	assert_ok(tree_content_open(f, &fd, &offset, &err));
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_size >= (off_t)size);
	assert_true(st.st_blocks * 512 < 200000);
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
		scratch_test(identity_knows_archives_apart),
		scratch_test(a_number_in_cpio_is_not_yet_a_hard_link),
		scratch_test(all_of_several_archives_are_read),
		scratch_test(zeros_take_no_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
