/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening content. Nothing here changes the tree, so threads may do it at the same time. */
#include <errno.h>

#include "tree/host.h"
#include "tree/spool.h"

int tree_content_open(const struct tree_inode *inode, int *ret_fd, uint64_t *ret_offset,
	struct error *err)
{
	switch (inode->content) {
	case TREE_CONTENT_FILE:
		*ret_offset = 0;
		return host_file_open(inode, ret_fd, err);
	case TREE_CONTENT_SPOOL: {
		const struct spool_slice *slice = inode->source;
		*ret_offset = slice->offset;
		return spool_open(slice, ret_fd, err);
	}
	default:
		return error_set(err, EINVAL, "open content that is not in a file");
	}
}

int tree_content_verify(const struct tree_inode *inode, int fd, struct error *err)
{
	if (inode->content != TREE_CONTENT_FILE)
		return 0;
	return host_file_verify(inode, fd, err);
}

const void *tree_content_memory(const struct tree_inode *inode)
{
	return inode->source;
}
