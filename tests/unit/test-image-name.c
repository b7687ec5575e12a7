/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of images: where the path ends and the tag begins, and that a name means the same
 * when it is read again. */
#include "appliance/image-name.h"
#include "test-tree.h"

static void assert_name(
	const char *text, enum image_kind kind, const char *path, const char *tag)
{
	CLEANUP_FREE char *here = getcwd(NULL, 0);
	CLEANUP_FREE char *full = xasprintf("%s/%s", here, path);
	struct image_name name, again;

	assert_ok(image_name_parse(text, &name, &err));
	assert_int_equal(name.kind, kind);
	assert_string_equal(name.path, full);
	if (tag)
		assert_string_equal(name.tag, tag);
	else
		assert_null(name.tag);
	CLEANUP_FREE char *written = image_name_text(&name);
	assert_ok(image_name_parse(written, &again, &err));
	assert_int_equal(again.kind, kind);
	assert_string_equal(again.path, name.path);
	assert_string_equal(again.tag ? again.tag : "", tag ? tag : "");
	image_name_done(&name);
	image_name_done(&again);
}

static void a_tag_stands_behind_the_path(void **state)
{
	(void)state;
	make_dir("dir");
	make_dir("with:colon");
	make_dir("dir:both");
	write_file("file.tar", "");
	make_link("dir", "link");
	assert_name("oci:dir", IMAGE_OCI, "dir", NULL);
	assert_name("oci:dir:1.0", IMAGE_OCI, "dir", "1.0");
	assert_name("oci:dir:localhost:5000/app:1.0", IMAGE_OCI, "dir",
		"localhost:5000/app:1.0");
	assert_name("oci:with:colon", IMAGE_OCI, "with:colon", NULL);
	assert_name("oci:with:colon:1", IMAGE_OCI, "with:colon", "1");
	assert_name("oci:dir:both", IMAGE_OCI, "dir:both", NULL);
	assert_name("oci:link:1", IMAGE_OCI, "dir", "1");
	assert_name(
		"docker-archive:file.tar:a:1", IMAGE_DOCKER_ARCHIVE, "file.tar", "a:1");
	assert_name("oci-archive:file.tar", IMAGE_OCI_ARCHIVE, "file.tar", NULL);
	assert_name("file.tar", IMAGE_ROOT_ARCHIVE, "file.tar", NULL);
	assert_name("./file.tar", IMAGE_ROOT_ARCHIVE, "file.tar", NULL);
}

static void what_is_no_image_is_an_error(void **state)
{
	struct image_name name;

	(void)state;
	make_dir("dir");
	write_file("file.tar", "");
	assert_fails(image_name_parse("oci:nowhere:1", &name, &err),
		"find the image 'nowhere:1'; it is named oci:DIR");
	assert_fails(image_name_parse("oci:dir:", &name, &err), "empty tag");
	assert_fails(image_name_parse("oci:", &name, &err), "find the image ''");
	assert_fails(image_name_parse("oci:file.tar", &name, &err), "is a file");
	assert_fails(image_name_parse("dir", &name, &err), "named oci:DIR");
	assert_fails(
		image_name_parse("docker-archive:dir", &name, &err), "is a directory");
	assert_fails(image_name_parse("file.tar:1", &name, &err), "find the image");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(a_tag_stands_behind_the_path),
		scratch_test(what_is_no_image_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
