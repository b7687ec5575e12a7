/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The identity of an image: a UUID of version 8 (RFC 9562: the maker defines the bits)
 * from the SHA-256 of the options, all names and all metadata. Of contents: the bytes of
 * files in memory; of other files what the tree says without opening them (size, times,
 * holes). Nothing of the host (device and inode numbers, paths of sources) goes in, so
 * the same input gives the same UUID anywhere. The seed for hashing names follows from
 * the UUID.
 */
#include "uuid.h"

#include <sha2.h>
#include <string.h>

#include "base/strbuf.h"
#include "plan.h"

/* Changes with what the writer makes of the same input. */
#define IDENTITY_VERSION "hypermin ext2 1"

struct digest {
	SHA2_CTX sha;
	struct strbuf pending; /* many small pieces, fed in large ones */
};

static void digest_flush(struct digest *d)
{
	SHA256Update(&d->sha, (const uint8_t *)d->pending.data, d->pending.len);
	strbuf_clear(&d->pending);
}

static void digest_bytes(struct digest *d, const void *data, size_t len)
{
	strbuf_add(&d->pending, data, len);
	if (d->pending.len >= 65536)
		digest_flush(d);
}

static void digest_number(struct digest *d, uint64_t n)
{
	uint64_t le = htole64(n);

	digest_bytes(d, &le, sizeof(le));
}

/* With its length: what follows can't be taken for a part of it. */
static void digest_block(struct digest *d, const void *data, size_t len)
{
	digest_number(d, len);
	digest_bytes(d, data, len);
}

static void digest_time(struct digest *d, const struct tree_time *t)
{
	digest_number(d, t->sec);
	digest_number(d, t->nsec);
}

static void digest_names(struct digest *d, const struct tree_inode *dir)
{
	size_t n;
	const struct tree_entry *entries = tree_dir_entries(dir, &n);

	digest_number(d, n);
	for (size_t i = 0; i < n; i++) {
		digest_bytes(d, entries[i].name, strlen(entries[i].name) + 1);
		digest_number(d, entries[i].inode->index);
	}
}

static void digest_content(struct digest *d, const struct tree_inode *inode)
{
	digest_number(d, inode->all_hole);
	digest_number(d, inode->n_extents);
	for (uint32_t i = 0; i < inode->n_extents; i++) {
		digest_number(d, inode->extents[i].offset);
		digest_number(d, inode->extents[i].len);
	}
	if (inode->content == TREE_CONTENT_MEMORY && !inode->all_hole)
		digest_block(d, tree_content_memory(inode), inode->size);
}

static void digest_inode(struct digest *d, const struct tree_inode *inode)
{
	digest_number(d, inode->mode);
	digest_number(d, (uint64_t)inode->uid << 32 | inode->gid);
	digest_number(d, inode->size);
	digest_time(d, &inode->mtime);
	digest_number(d, inode->n_xattrs);
	for (uint32_t i = 0; i < inode->n_xattrs; i++) {
		digest_block(d, inode->xattrs[i].name, strlen(inode->xattrs[i].name));
		digest_block(d, inode->xattrs[i].value, inode->xattrs[i].len);
	}
	if (S_ISDIR(inode->mode))
		digest_names(d, inode);
	else if (S_ISREG(inode->mode))
		digest_content(d, inode);
	else if (S_ISLNK(inode->mode))
		digest_block(d, inode->target, inode->size);
	else
		digest_number(d, (uint64_t)inode->rdev_major << 32 | inode->rdev_minor);
}

static void digest_options(
	struct digest *d, const struct ext2_options *o, uint32_t block_size)
{
	digest_block(d, IDENTITY_VERSION, strlen(IDENTITY_VERSION));
	digest_number(d, block_size);
	digest_number(d, o->size);
	digest_number(d, o->free_blocks);
	digest_number(d, o->free_inodes);
	digest_bytes(d, o->label, sizeof(o->label));
}

static void derive_uuid(struct ext2_plan *p, const struct ext2_options *options)
{
	struct digest d = {0};
	uint8_t sha[SHA256_DIGEST_LENGTH];

	SHA256Init(&d.sha);
	digest_options(&d, options, p->block_size);
	for (uint32_t i = 0; i < p->n_inodes; i++)
		digest_inode(&d, tree_inode_at(p->tree, i));
	digest_flush(&d);
	strbuf_done(&d.pending);
	SHA256Final(sha, &d.sha);
	memcpy(p->uuid, sha, sizeof(p->uuid));
	p->uuid[6] = (p->uuid[6] & 0x0f) | 0x80;
	p->uuid[8] = (p->uuid[8] & 0x3f) | 0x80;
}

void uuid_set(struct ext2_plan *p, const struct ext2_options *options)
{
	static const char purpose[] = "names";
	SHA2_CTX sha;
	uint8_t seed[SHA256_DIGEST_LENGTH];

	if (options->have_uuid)
		memcpy(p->uuid, options->uuid, sizeof(p->uuid));
	else
		derive_uuid(p, options);

	SHA256Init(&sha);
	SHA256Update(&sha, (const uint8_t *)purpose, sizeof(purpose));
	SHA256Update(&sha, p->uuid, sizeof(p->uuid));
	SHA256Final(seed, &sha);
	for (int i = 0; i < 4; i++) {
		uint32_t word;
		memcpy(&word, seed + i * sizeof(word), sizeof(word));
		p->hash_seed[i] = le32toh(word);
	}
}
