/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sharing attribute blocks. Blocks with the same digest are the same: none is kept. */
#include "xattr-share.h"

#include "base/sha256.h"
#include "plan.h"
#include "xattr.h"

uint32_t xattr_share_block(struct xattr_share *s, struct ext2_plan *p,
	const struct tree_inode *inode, const struct xattr_set *set, bool *ret_new)
{
	CLEANUP_FREE uint8_t *block = xcalloc(1, p->block_size);
	char key[SHA256_HEX_LEN + 1];
	struct sha256 digest;

	xattr_write_block(set, 0, block, p->block_size);
	sha256_start(&digest);
	sha256_add(&digest, block, p->block_size);
	sha256_end_hex(&digest, key);
	uintptr_t at = (uintptr_t)strmap_get(&s->by_digest, key);
	*ret_new =
		!at || p->xattr_blocks.items[at - 1].refcount == EXT2_XATTR_REFCOUNT_MAX;
	if (*ret_new) {
		struct plan_xattr_block fresh = {.owner = inode->index};
		vector_push(&p->xattr_blocks, fresh);
		at = p->xattr_blocks.len;
		/* If there was an equal block, it has no room for another user. */
		strmap_put(&s->by_digest, arena_strdup(&s->keys, key), (void *)at);
	}
	p->xattr_blocks.items[at - 1].refcount++;
	return at - 1;
}

void xattr_share_done(struct xattr_share *s)
{
	strmap_done(&s->by_digest);
	arena_done(&s->keys);
}
