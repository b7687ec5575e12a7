/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Private to this folder: what a file has besides its name and content, from a stream's
 * entry to a file of the host.
 *
 * Without same_owner only what can't hurt other users of the host is taken: the caller is the
 * owner, no program runs as somebody else, and no capability, label or access list is set.
 */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"

#define ATTRIBUTES_ACCESS_ACL  "system.posix_acl_access"
#define ATTRIBUTES_DEFAULT_ACL "system.posix_acl_default"

struct attributes {
	/* With the file's type. */
	mode_t mode;
	/* Used if same_owner. */
	bool same_owner;
	uid_t uid;
	gid_t gid;
	/* As for utimensat(). */
	struct timespec times[2];
};

/* Whether an attribute of this name is copied at all. */
bool attributes_has(const char *name);
/*
 * The value of an ACL attribute (posix_acl_xattr.h of the kernel):
 *
 *	le32 version (2)
 *	le16 tag  le16 permissions  le32 id		an entry
 */
enum {
	ATTRIBUTES_ACL_GROUP = 0x04,
	ATTRIBUTES_ACL_MASK = 0x10,
};
/* Permissions of the file's group, and the most that anybody but owner and others has. */
struct attributes_acl {
	int group, mask;
};
bool attributes_parse_acl(const void *acl, size_t len, struct attributes_acl *ret);

int attributes_read(struct archive_entry *e, bool same_owner, struct attributes *ret,
	struct error *err);
/* The bytes of names and values of extended attributes that are going to be set. */
uint64_t attributes_size(struct archive_entry *e, bool same_owner);

/*
 * Set them in this order, on the file that is open as fd (O_PATH will do): a change of the
 * owner takes capabilities away, the mode may forbid the rest.
 */
int attributes_set_owner(const struct attributes *a, int fd, struct error *err);
/* 0, or 1: some are missing, and *ret_missing says which (a new string; NULL: the file system
 * has none). A directory's ACLs are left out: they would act on what is made in it. */
int attributes_set_xattrs(
	struct archive_entry *e, int fd, bool same_owner, char **ret_missing);
int attributes_set_rest(const struct attributes *a, int fd, struct error *err);
