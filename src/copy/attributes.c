/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy/attributes.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/printable.h"

static bool has_prefix(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(name, prefix, len) == 0 && name[len] != '\0';
}

static bool is_acl(const char *name)
{
	return strcmp(name, ATTRIBUTES_ACCESS_ACL) == 0 ||
		strcmp(name, ATTRIBUTES_DEFAULT_ACL) == 0;
}

bool attributes_has(const char *name)
{
	return has_prefix(name, "user.") || has_prefix(name, "trusted.") ||
		has_prefix(name, "security.") || is_acl(name);
}

static bool is_taken(const char *name, bool same_owner)
{
	return name && (same_owner ? attributes_has(name) : has_prefix(name, "user."));
}

bool attributes_parse_acl(const void *acl, size_t len, struct attributes_acl *ret)
{
	const uint8_t *bytes = acl;
	struct attributes_acl a = {.group = -1, .mask = -1};

	for (size_t at = 4; at + 8 <= len; at += 8) {
		int tag = bytes[at] | bytes[at + 1] << 8, perm = bytes[at + 2] & 7;
		if (tag == ATTRIBUTES_ACL_GROUP)
			a.group = perm;
		else if (tag == ATTRIBUTES_ACL_MASK)
			a.mask = perm;
	}
	if (a.group < 0)
		return false;
	a.mask = a.mask < 0 ? a.group : a.mask;
	*ret = a;
	return true;
}

static bool find_acl(struct archive_entry *e, struct attributes_acl *ret)
{
	const char *name;
	const void *value;
	size_t len;

	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK)
		if (name && strcmp(name, ATTRIBUTES_ACCESS_ACL) == 0)
			return attributes_parse_acl(value, len, ret);
	return false;
}

/* The mask of an ACL as text, of which libarchive has put the group's own permissions into
 * the mode. 7: there is none. */
static int find_text_mask(struct archive_entry *e)
{
	const int want = ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
	int type, perm, tag, id;
	const char *name;

	archive_entry_acl_reset(e, want);
	while (archive_entry_acl_next(e, want, &type, &perm, &tag, &id, &name) ==
		ARCHIVE_OK)
		if (tag == ARCHIVE_ENTRY_ACL_MASK)
			return perm & 7;
	return 7;
}

/*
 * The mode's group bits, which with an ACL are its mask: what any other user or group may have
 * at most. Where the ACL is not set, they are what the group itself had.
 */
static mode_t group_bits(struct archive_entry *e, mode_t mode, bool same_owner)
{
	struct attributes_acl acl = {.group = mode >> 3 & 7, .mask = find_text_mask(e)};
	bool found = find_acl(e, &acl);

	return (same_owner && found ? acl.mask : acl.group & acl.mask) << 3;
}

/* libarchive takes the fraction of a negative time for one that is to be added. */
static struct timespec make_time(int64_t seconds, long nanoseconds)
{
	bool valid = seconds >= 0 && nanoseconds >= 0 && nanoseconds < 1000000000;

	return (struct timespec){.tv_sec = seconds, .tv_nsec = valid ? nanoseconds : 0};
}

int attributes_read(struct archive_entry *e, bool same_owner, struct attributes *ret,
	struct error *err)
{
	int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e);
	mode_t mode = archive_entry_mode(e);
	struct attributes a = {
		.mode = mode & (S_IFMT | 07777),
		.same_owner = same_owner,
		.times = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}},
	};

	if (same_owner) {
		if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
			return error_set(err, ERANGE, "its owner is %lld:%lld",
				(long long)uid, (long long)gid);
		a.uid = uid;
		a.gid = gid;
	} else {
		a.mode &= ~(S_ISUID | S_ISGID);
	}
	a.mode = (a.mode & ~070) | group_bits(e, a.mode, same_owner);
	if (archive_entry_atime_is_set(e))
		a.times[0] =
			make_time(archive_entry_atime(e), archive_entry_atime_nsec(e));
	if (archive_entry_mtime_is_set(e))
		a.times[1] =
			make_time(archive_entry_mtime(e), archive_entry_mtime_nsec(e));
	*ret = a;
	return 0;
}

uint64_t attributes_size(struct archive_entry *e, bool same_owner)
{
	const char *name;
	const void *value;
	uint64_t sum = 0;
	size_t len;

	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK)
		if (is_taken(name, same_owner))
			sum += strlen(name) + len;
	return sum;
}

int attributes_set_xattrs(
	struct archive_entry *e, int fd, bool same_owner, char **ret_missing)
{
	const char *name;
	const void *value;
	bool is_dir = archive_entry_filetype(e) == AE_IFDIR;
	char *missing = NULL;
	int result = 0;
	size_t len;

	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK) {
		if (!is_taken(name, same_owner) || (is_dir && is_acl(name)) ||
			setxattr(fd_path(fd).text, name, value, len, 0) == 0)
			continue;
		result = 1;
		if (errno == ENOTSUP || missing)
			continue;
		CLEANUP_FREE char *shown = printable_dup(name);
		missing = xasprintf(
			"its attribute '%.200s' is left out: %s", shown, strerror(errno));
	}
	*ret_missing = missing;
	return result;
}

int attributes_set_owner(const struct attributes *a, int fd, struct error *err)
{
	if (a->same_owner && fchownat(fd, "", a->uid, a->gid, AT_EMPTY_PATH) < 0)
		return error_set(err, errno, "set its owner");
	return 0;
}

int attributes_set_rest(const struct attributes *a, int fd, struct error *err)
{
	const struct fd_path path = fd_path(fd);

	if (!S_ISLNK(a->mode) && chmod(path.text, a->mode & 07777) < 0)
		return error_set(err, errno, "set its mode");
	if (utimensat(AT_FDCWD, path.text, a->times, 0) < 0)
		return error_set(err, errno, "set its times");
	return 0;
}
