/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * POSIX ACLs of archive entries, in the form of getxattr():
 *
 *	le32 version (2)
 *	le16 tag  le16 permissions  le32 id		an entry, ordered by tag and id
 */
#pragma once

#include <archive_entry.h>

#include "tree/xattr.h"

/*
 * Add `system.posix_acl_access` and `_default` to the list if the entry has such ACLs. If
 * there is a mask, it becomes the group bits of *mode.
 */
int acl_add_xattrs(struct tree *t, struct archive_entry *entry, struct xattr_list *list,
	uint32_t *mode, struct error *err);
