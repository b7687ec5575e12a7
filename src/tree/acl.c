/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree/acl.h"

#include <archive.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

/* The kernel's tags (posix_acl_xattr.h). */
enum {
	TAG_USER_OBJ = 0x01,
	TAG_USER = 0x02,
	TAG_GROUP_OBJ = 0x04,
	TAG_GROUP = 0x08,
	TAG_MASK = 0x10,
	TAG_OTHER = 0x20,
};
#define ACL_VERSION 2
#define NO_ID	    UINT32_MAX

struct acl_entry {
	uint16_t tag;
	uint16_t perm;
	uint32_t id;
};

struct acl {
	struct acl_entry *items;
	size_t len;
	size_t cap;
};

static void acl_done(struct acl *acl)
{
	vector_done(acl);
}

static int convert_tag(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ:
		return TAG_USER_OBJ;
	case ARCHIVE_ENTRY_ACL_USER:
		return TAG_USER;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
		return TAG_GROUP_OBJ;
	case ARCHIVE_ENTRY_ACL_GROUP:
		return TAG_GROUP;
	case ARCHIVE_ENTRY_ACL_MASK:
		return TAG_MASK;
	case ARCHIVE_ENTRY_ACL_OTHER:
		return TAG_OTHER;
	default:
		return 0;
	}
}

static int add_entry(
	struct acl *acl, int tag, int perm, int id, const char *name, struct error *err)
{
	struct acl_entry e = {.tag = convert_tag(tag), .perm = perm & 7, .id = NO_ID};

	if (e.tag == 0)
		return error_set(err, 0, "its ACL is not a POSIX one");
	if (e.tag == TAG_USER || e.tag == TAG_GROUP) {
		if (id < 0)
			return error_set(err, 0,
				"its ACL names '%s' without a number, as GNU tar --acls "
				"writes it: archive it with --xattrs "
				"--xattrs-include='*' instead",
				name ? name : "");
		e.id = id;
	}
	vector_push(acl, e);
	return 0;
}

static const struct acl_entry *find_tag(const struct acl *acl, int tag)
{
	vector_foreach (e, acl)
		if (e->tag == tag)
			return e;
	return NULL;
}

/* The kernel refuses an ACL with named entries and no mask. The standard's default is the
 * union of their permissions. */
static void complete_mask(struct acl *acl)
{
	uint16_t perm = 0;

	if (find_tag(acl, TAG_MASK) ||
		(!find_tag(acl, TAG_USER) && !find_tag(acl, TAG_GROUP)))
		return;
	vector_foreach (e, acl)
		if (e->tag & (TAG_USER | TAG_GROUP_OBJ | TAG_GROUP))
			perm |= e->perm;
	vector_push(acl, (struct acl_entry){.tag = TAG_MASK, .perm = perm, .id = NO_ID});
}

static int compare(const void *a, const void *b)
{
	const struct acl_entry *x = a, *y = b;

	if (x->tag != y->tag)
		return x->tag - y->tag;
	return (x->id > y->id) - (x->id < y->id);
}

/* Owner, group and others must be there, and nothing twice. */
static bool is_valid(const struct acl *acl)
{
	for (size_t i = 1; i < acl->len; i++)
		if (compare(&acl->items[i - 1], &acl->items[i]) == 0)
			return false;
	return find_tag(acl, TAG_USER_OBJ) && find_tag(acl, TAG_GROUP_OBJ) &&
		find_tag(acl, TAG_OTHER);
}

static void add_xattr(
	struct tree *t, const struct acl *acl, const char *name, struct xattr_list *list)
{
	if (acl->len == 0)
		return;
	CLEANUP_FREE char *value = xmalloc(4 + 8 * acl->len);
	char *p = value;

	memcpy(p, &(uint32_t){htole32(ACL_VERSION)}, 4);
	p += 4;
	vector_foreach (e, acl) {
		memcpy(p, &(uint16_t){htole16(e->tag)}, 2);
		memcpy(p + 2, &(uint16_t){htole16(e->perm)}, 2);
		memcpy(p + 4, &(uint32_t){htole32(e->id)}, 4);
		p += 8;
	}
	xattr_add(t, list, name, value, p - value);
}

/* Empty if the entry has no such ACL. */
static int read_acl(
	struct archive_entry *entry, int want, struct acl *ret, struct error *err)
{
	int type, perm, tag, id;
	const char *name;

	if (archive_entry_acl_reset(entry, want) == 0)
		return 0;
	while (archive_entry_acl_next(entry, want, &type, &perm, &tag, &id, &name) ==
		ARCHIVE_OK)
		if (add_entry(ret, tag, perm, id, name, err) < 0)
			return -1;
	if (ret->len == 0)
		return 0;
	complete_mask(ret);
	vector_sort(ret, compare);
	return is_valid(ret) ? 0 : error_set(err, 0, "its ACL is not valid");
}

int acl_add_xattrs(struct tree *t, struct archive_entry *entry, struct xattr_list *list,
	uint32_t *mode, struct error *err)
{
	CLEANUP(acl_done) struct acl access = {0};
	CLEANUP(acl_done) struct acl standard = {0};

	if (archive_entry_acl_types(entry) & ARCHIVE_ENTRY_ACL_TYPE_NFS4)
		return error_set(err, 0, "its NFSv4 ACL can't be stored");
	if (read_acl(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, &access, err) < 0 ||
		read_acl(entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, &standard, err) < 0)
		return -1;
	const struct acl_entry *mask = find_tag(&access, TAG_MASK);
	if (mask)
		*mode = (*mode & ~070u) | (uint32_t)mask->perm << 3;
	add_xattr(t, &access, "system.posix_acl_access", list);
	add_xattr(t, &standard, "system.posix_acl_default", list);
	return 0;
}
