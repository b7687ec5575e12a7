/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Layers of container images, and archives that are known by their bytes. */
#include "base/sha256.h"
#include "fixture-archive.h"

/* ---- Layers ---- */

static void add_layer(struct tree *t, struct archive *a)
{
	end(a);
	CLEANUP_CLOSE int fd = open("a", O_RDONLY | O_CLOEXEC);
	assert_ok(tree_add_archive(t,
		&(struct tree_archive){.fd = fd,
			.name = "a",
			.at = "/",
			.spool_dir = ".",
			.is_layer = true},
		&err));
}

static void assert_has(struct tree *t, const char *paths, bool there)
{
	CLEANUP_FREE char *copy = xstrdup(paths);

	for (char *p = strtok(copy, " "); p; p = strtok(NULL, " "))
		if (!!tree_lookup(t, p) != there)
			fail_msg("'%s' is %s", p, there ? "missing" : "there");
}

static void whiteouts_remove_what_is_below_a_layer(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_USTAR);
	put_file(a, "gone", "1");
	put_file(a, "replaced", "1");
	put_file(a, "stays", "1");
	put_file(a, "opaque/old", "1");
	put_file(a, "opaque/sub/old", "1");
	put_file(a, "opaque/other/old", "1");
	put_file(a, "opaque/listed/old", "1");
	put_file(a, "directory/deep/old", "1");
	put_file(a, "again/old", "1");
	add_layer(t, a);
	a = begin(ARCHIVE_FORMAT_TAR_USTAR);
	put_file(a, ".wh.gone", "");
	put_file(a, ".wh.never", "");
	put_file(a, "nowhere/.wh.never", "");
	put_file(a, "replaced", "2");
	put_file(a, ".wh.replaced", "");
	put(a, entry("opaque/listed", S_IFDIR | 0700), NULL);
	put_file(a, "opaque/sub/new", "2");
	put_file(a, "opaque/.wh..wh..opq", "");
	put_file(a, "opaque/later", "2");
	put_file(a, ".wh.directory", "");
	put_file(a, ".wh.again", "");
	put_file(a, "again/new", "2");
	put_file(a, ".wh..wh.plnk", "");
	add_layer(t, a);
	assert_has(t,
		"replaced stays opaque/listed opaque/sub/new opaque/later again/new",
		true);
	assert_has(t,
		"gone opaque/old opaque/other opaque/sub/old opaque/listed/old directory again/old "
		"nowhere .wh.gone .wh..wh.plnk opaque/.wh..wh..opq",
		false);
	/* Not a layer: nothing is removed behind the user's back. */
	assert_fails(add(t, "a", "/"), "'.wh.gone': it is a whiteout");
}

static void a_whiteout_spares_the_layers_own_hard_link(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_USTAR);
	put_file(a, "dir/old", "1");
	put_file(a, "other/old", "1");
	add_layer(t, a);
	a = begin(ARCHIVE_FORMAT_TAR_USTAR);
	put_link(a, "new", "dir/old", NULL);
	put_link(a, "other/new", "other/old", NULL);
	put_file(a, "dir/.wh.old", "");
	put_file(a, "other/.wh..wh..opq", "");
	add_layer(t, a);
	assert_tree(t, "/dir/\n/new =1\n/other/\n/other/new =1\n");
}

static void a_layers_file_replaces_one_of_another_type(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_USTAR);
	put_file(a, "usr/lib/old", "1");
	put_file(a, "full/of/files", "1");
	put_file(a, "file", "1");
	struct archive_entry *e = entry("lib", S_IFLNK | 0777);
	archive_entry_copy_symlink(e, "usr/lib");
	put(a, e, NULL);
	add_layer(t, a);
	a = begin(ARCHIVE_FORMAT_TAR_USTAR);
	/* Through a symlink if the layer has only the file, in its place if it has the
	 * directory too. */
	put_file(a, "lib/first", "2");
	put(a, entry("lib", S_IFDIR | 0755), NULL);
	put_file(a, "lib/second", "2");
	put_file(a, "full", "2");
	put(a, entry("file", S_IFDIR | 0755), NULL);
	add_layer(t, a);
	assert_tree(t,
		"/file/\n/full =2\n/lib/\n/lib/second =2\n/usr/\n/usr/lib/\n"
		"/usr/lib/first =2\n/usr/lib/old =1\n");
}

/* ---- What it is, by its bytes ---- */

static void file_digest(const char *path, char ret[static SHA256_HEX_LEN + 1])
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(sha256_file(fd, ret), 0);
}

static void write_archive(void)
{
	struct archive *a = begin(ARCHIVE_FORMAT_TAR_USTAR);

	put_file(a, "file", "text");
	end(a);
}

static int add_as(const char *path, struct tree_archive archive, uint8_t *ret_identity)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	archive.fd = fd;
	archive.name = path;
	archive.at = "/";
	archive.spool_dir = ".";
	int result = tree_add_archive(t, &archive, &err);
	tree_finish(t);
	if (result == 0 && ret_identity)
		tree_identity(t, ret_identity);
	return result;
}

static void an_archive_has_the_digest_that_is_asked_for(void **state)
{
	char plain[SHA256_HEX_LEN + 1], packed[SHA256_HEX_LEN + 1];

	(void)state;
	write_archive();
	file_digest("a", plain);
	assert_int_equal(RUN("gzip", "-k", "a"), 0);
	file_digest("a.gz", packed);
	assert_ok(add_as("a", (struct tree_archive){.digest = plain}, NULL));
	assert_ok(add_as("a", (struct tree_archive){.plain_digest = plain}, NULL));
	assert_ok(add_as("a.gz",
		(struct tree_archive){.digest = packed, .plain_digest = plain}, NULL));
	assert_fails(add_as("a.gz", (struct tree_archive){.digest = plain}, NULL),
		"the SHA-256 of the file is");
	assert_fails(add_as("a.gz", (struct tree_archive){.plain_digest = packed}, NULL),
		"the SHA-256 of its content is");
	/* One that can't even be unpacked fails for the same reason. */
	assert_int_equal(
		RUN("sh", "-c", "printf xx | dd of=a.gz bs=1 seek=30 conv=notrunc 2>log"),
		0);
	assert_fails(add_as("a.gz", (struct tree_archive){.digest = packed}, NULL),
		"the SHA-256 of the file is");
}

static void identity_is_of_the_content_if_asked_for(void **state)
{
	const struct tree_archive by_content = {.by_content = true};
	uint8_t one[SHA256_LEN], two[SHA256_LEN];
	char digest[SHA256_HEX_LEN + 1];

	(void)state;
	write_archive();
	file_digest("a", digest);
	const struct tree_archive by_digest = {.digest = digest};
	assert_int_equal(RUN("cp", "a", "copy"), 0);
	assert_ok(add_as("a", by_content, one));
	assert_ok(add_as("copy", by_content, two));
	assert_memory_equal(one, two, SHA256_LEN);
	assert_ok(add_as("a", by_digest, one));
	assert_ok(add_as("copy", by_digest, two));
	assert_memory_equal(one, two, SHA256_LEN);
	assert_ok(add_as("a", (struct tree_archive){0}, one));
	assert_ok(add_as("copy", (struct tree_archive){0}, two));
	assert_memory_not_equal(one, two, SHA256_LEN);
}

static void an_archive_may_be_a_part_of_a_file(void **state)
{
	struct tree_archive part = {.offset = strlen("before")};
	char digest[SHA256_HEX_LEN + 1];
	struct stat st;

	(void)state;
	write_archive();
	file_digest("a", digest);
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(
		RUN("sh", "-c", "(printf before; cat a; printf after) >both"), 0);
	part.size = st.st_size;
	part.digest = digest;
	assert_ok(add_as("both", part, NULL));
	part.size -= 512;
	assert_fails(add_as("both", part, NULL), "SHA-256");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(whiteouts_remove_what_is_below_a_layer),
		scratch_test(a_whiteout_spares_the_layers_own_hard_link),
		scratch_test(a_layers_file_replaces_one_of_another_type),
		scratch_test(an_archive_has_the_digest_that_is_asked_for),
		scratch_test(identity_is_of_the_content_if_asked_for),
		scratch_test(an_archive_may_be_a_part_of_a_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
