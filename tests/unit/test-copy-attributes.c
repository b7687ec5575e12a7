/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of a guest's files is taken over by the host, and what only if root asks for it. */
#include <sys/xattr.h>

#include "copy/attributes.h"
#include "fixture-copy.h"

static const char acl[] = "\2\0\0\0"
			  "\1\0\7\0\xff\xff\xff\xff"
			  "\2\0\7\0\xe8\3\0\0"
			  "\4\0\5\0\xff\xff\xff\xff"
			  "\20\0\6\0\xff\xff\xff\xff"
			  "\40\0\0\0\xff\xff\xff\xff";

static void an_acl_has_a_group_and_a_mask(void **state)
{
	struct attributes_acl a;

	(void)state;
	assert_true(attributes_parse_acl(acl, sizeof(acl) - 1, &a));
	assert_int_equal(a.group, 5);
	assert_int_equal(a.mask, 6);
	/* Without a mask the group's permissions are one. */
	assert_true(attributes_parse_acl(acl, 4 + 3 * 8, &a));
	assert_int_equal(a.mask, 5);
	/* Cut anywhere it is none, or the shorter one. */
	for (size_t len = 0; len < sizeof(acl); len++) {
		CLEANUP_FREE char *exact = xmemdup(acl, len);
		assert_int_equal(attributes_parse_acl(exact, len, &a), len >= 4 + 3 * 8);
	}
}

static struct attributes read_mode(bool text, bool binary, bool same_owner)
{
	struct archive_entry *e = entry("f", S_IFREG | 06760);
	const int type = ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
	struct attributes a;

	if (binary)
		archive_entry_xattr_add_entry(
			e, ATTRIBUTES_ACCESS_ACL, acl, sizeof(acl) - 1);
	if (text) {
		archive_entry_acl_add_entry(
			e, type, 5, ARCHIVE_ENTRY_ACL_GROUP_OBJ, -1, NULL);
		archive_entry_acl_add_entry(
			e, type, 7, ARCHIVE_ENTRY_ACL_USER, 1000, NULL);
		archive_entry_acl_add_entry(e, type, 6, ARCHIVE_ENTRY_ACL_MASK, -1, NULL);
	}
	assert_ok(attributes_read(e, same_owner, &a, &err));
	archive_entry_free(e);
	return a;
}

static void without_its_acl_a_file_gives_its_group_no_more_than_before(void **state)
{
	(void)state;
	assert_int_equal(read_mode(false, false, false).mode, S_IFREG | 0760);
	assert_int_equal(read_mode(false, true, false).mode, S_IFREG | 0740);
	assert_int_equal(read_mode(true, false, false).mode, S_IFREG | 0740);
	assert_int_equal(read_mode(true, true, false).mode, S_IFREG | 0740);
	/* With it the group bits are the mask. */
	assert_int_equal(read_mode(false, true, true).mode, S_IFREG | 06760);
	assert_int_equal(read_mode(true, true, true).mode, S_IFREG | 06760);
	assert_int_equal(read_mode(false, false, true).mode, S_IFREG | 06760);
}

static void owners_are_numbers_that_exist(void **state)
{
	struct archive_entry *e = entry("f", S_IFREG | 0644);
	struct attributes a;

	(void)state;
	archive_entry_set_uid(e, 4294967294);
	archive_entry_set_gid(e, 7);
	assert_ok(attributes_read(e, true, &a, &err));
	assert_int_equal(a.uid, 4294967294);
	assert_int_equal(a.gid, 7);
	archive_entry_set_uid(e, 4294967295);
	assert_fails(attributes_read(e, true, &a, &err), "its owner is 4294967295:7");
	/* Nobody asks for it. */
	assert_ok(attributes_read(e, false, &a, &err));
	archive_entry_free(e);
}

static void only_the_users_attributes_are_taken(void **state)
{
	static const char *const names[] = {"user.a", "security.capability",
		"trusted.overlay.opaque", ATTRIBUTES_ACCESS_ACL, "system.nfs4_acl",
		"user."};
	struct archive_entry *e = entry("f", S_IFREG | 0644);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		archive_entry_xattr_add_entry(e, names[i], "xx", 2);
	assert_int_equal(attributes_size(e, false), strlen("user.axx"));
	assert_int_equal(attributes_size(e, true),
		strlen("user.axx") + strlen("security.capabilityxx") +
			strlen("trusted.overlay.opaquexx") +
			strlen(ATTRIBUTES_ACCESS_ACL "xx"));
	archive_entry_free(e);
}

static void a_time_that_is_none_is_taken_for_its_second(void **state)
{
	struct archive_entry *e = entry("f", S_IFREG | 0644);
	struct attributes a;

	(void)state;
	archive_entry_set_mtime(e, -100, 5);
	archive_entry_unset_atime(e);
	assert_ok(attributes_read(e, false, &a, &err));
	assert_int_equal(a.times[1].tv_sec, -100);
	assert_int_equal(a.times[1].tv_nsec, 0);
	assert_int_equal(a.times[0].tv_nsec, UTIME_NOW);
	archive_entry_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		copy_test(an_acl_has_a_group_and_a_mask),
		copy_test(without_its_acl_a_file_gives_its_group_no_more_than_before),
		copy_test(owners_are_numbers_that_exist),
		copy_test(only_the_users_attributes_are_taken),
		copy_test(a_time_that_is_none_is_taken_for_its_second),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
