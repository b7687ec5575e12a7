/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * POSIX ACLs as archives tell them, in the form that getxattr() gives them in:
 *
 *	le32 version (2)
 *	le16 tag  le16 permissions  le32 id		an entry, ordered by tag and id
 */
#pragma once

#include <archive_entry.h>

#include "tree/node.h"

/*
 * Add `system.posix_acl_access` and `_default` to the list where the entry has such ACLs.
 * Where there is a mask, it is what the mode's group bits mean.
 */
int acl_add_xattrs(struct tree *t, struct archive_entry *entry, struct xattr_list *list,
	uint32_t *mode, struct error *err);
