/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sharing attribute blocks. No block is kept in memory: if digests are equal, the other
 * block is made again from its owner and compared byte for byte. The digest is keyed with
 * the hash seed, which depends on the whole input, so that collisions are hard to make on
 * purpose.
 */
#include "xattr-share.h"

#include <string.h>

#include "plan.h"
#include "xattr.h"

static uint64_t digest_block(const struct ext2_plan *p, const uint8_t *block)
{
	uint64_t hash = (uint64_t)p->hash_seed[0] << 32 | p->hash_seed[1];
	uint64_t factor = ((uint64_t)p->hash_seed[2] << 32 | p->hash_seed[3]) | 1;

	for (uint32_t i = 0; i < p->block_size; i += sizeof(uint64_t)) {
		uint64_t word;
		memcpy(&word, block + i, sizeof(word));
		hash = (hash ^ word) * factor;
		hash ^= hash >> 32;
	}
	return hash;
}

static bool owner_has(const struct ext2_plan *p, uint32_t owner, const uint8_t *block)
{
	CLEANUP_FREE uint8_t *other = xcalloc(1, p->block_size);
	CLEANUP(xattr_set_done) struct xattr_set set;

	if (xattr_set_init(&set, tree_inode_at(p->tree, owner), p->block_size, NULL) < 0)
		return false;
	xattr_write_block(&set, 0, other, p->block_size);
	return memcmp(block, other, p->block_size) == 0;
}

static uint32_t *find_slot(struct xattr_share *s, const struct ext2_plan *p,
	uint64_t digest, const uint8_t *block)
{
	for (size_t i = digest & (s->cap - 1);; i = (i + 1) & (s->cap - 1)) {
		if (s->slots[i] == 0)
			return &s->slots[i];
		const struct plan_xattr_block *b =
			&p->xattr_blocks.items[s->slots[i] - 1];
		if (b->digest == digest && owner_has(p, b->owner, block))
			return &s->slots[i];
	}
}

static void grow(struct xattr_share *s, const struct ext2_plan *p)
{
	struct xattr_share bigger = {.cap = MAX(64, s->cap * 2), .len = s->len};

	bigger.slots = xcalloc(bigger.cap, sizeof(bigger.slots[0]));
	for (size_t i = 0; i < s->cap; i++) {
		if (s->slots[i] == 0)
			continue;
		size_t at =
			p->xattr_blocks.items[s->slots[i] - 1].digest & (bigger.cap - 1);
		while (bigger.slots[at])
			at = (at + 1) & (bigger.cap - 1);
		bigger.slots[at] = s->slots[i];
	}
	free(s->slots);
	*s = bigger;
}

uint32_t xattr_share_block(struct xattr_share *s, struct ext2_plan *p,
	const struct tree_inode *inode, const struct xattr_set *set, bool *ret_new)
{
	CLEANUP_FREE uint8_t *block = xcalloc(1, p->block_size);

	xattr_write_block(set, 0, block, p->block_size);
	if (s->len * 2 >= s->cap)
		grow(s, p);
	uint64_t digest = digest_block(p, block);
	uint32_t *slot = find_slot(s, p, digest, block);
	if (*slot) {
		struct plan_xattr_block *b = &p->xattr_blocks.items[*slot - 1];
		if (b->refcount < EXT2_XATTR_REFCOUNT_MAX) {
			b->refcount++;
			*ret_new = false;
			return *slot - 1;
		}
	} else {
		s->len++;
	}
	/* If there was an equal block, it has no room for another user: this one takes its
	 * slot. */
	struct plan_xattr_block fresh = {
		.owner = inode->index, .refcount = 1, .digest = digest};
	vector_push(&p->xattr_blocks, fresh);
	*slot = p->xattr_blocks.len;
	*ret_new = true;
	return *slot - 1;
}

void xattr_share_done(struct xattr_share *s)
{
	free(s->slots);
	*s = (struct xattr_share){0};
}
