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

#include <string.h>

#include "base/sha256.h"
#include "plan.h"

/* Changes with what the writer makes of the same input. */
#define IDENTITY_VERSION "hypermin ext2 1"

static void digest_names(struct sha256 *d, const struct tree_inode *dir)
{
	size_t n;
	const struct tree_entry *entries = tree_dir_entries(dir, &n);

	sha256_add_number(d, n);
	for (size_t i = 0; i < n; i++) {
		sha256_add(d, entries[i].name, strlen(entries[i].name) + 1);
		sha256_add_number(d, entries[i].inode->index);
	}
}

static void digest_content(struct sha256 *d, const struct tree_inode *inode)
{
	sha256_add_number(d, inode->all_hole);
	sha256_add_number(d, inode->n_extents);
	for (uint32_t i = 0; i < inode->n_extents; i++) {
		sha256_add_number(d, inode->extents[i].offset);
		sha256_add_number(d, inode->extents[i].len);
	}
	if (inode->content == TREE_CONTENT_MEMORY && !inode->all_hole)
		sha256_add_field(d, tree_content_memory(inode), inode->size);
}

static void digest_inode(struct sha256 *d, const struct tree_inode *inode)
{
	sha256_add_number(d, inode->mode);
	sha256_add_number(d, (uint64_t)inode->uid << 32 | inode->gid);
	sha256_add_number(d, inode->size);
	sha256_add_number(d, inode->mtime.sec);
	sha256_add_number(d, inode->mtime.nsec);
	sha256_add_number(d, inode->n_xattrs);
	for (uint32_t i = 0; i < inode->n_xattrs; i++) {
		sha256_add_string(d, inode->xattrs[i].name);
		sha256_add_field(d, inode->xattrs[i].value, inode->xattrs[i].len);
	}
	if (S_ISDIR(inode->mode))
		digest_names(d, inode);
	else if (S_ISREG(inode->mode))
		digest_content(d, inode);
	else if (S_ISLNK(inode->mode))
		sha256_add_field(d, inode->target, inode->size);
	else
		sha256_add_number(
			d, (uint64_t)inode->rdev_major << 32 | inode->rdev_minor);
}

static void digest_options(
	struct sha256 *d, const struct ext2_options *o, uint32_t block_size)
{
	sha256_add_string(d, IDENTITY_VERSION);
	sha256_add_number(d, block_size);
	sha256_add_number(d, o->size);
	sha256_add_number(d, o->free_blocks);
	sha256_add_number(d, o->free_inodes);
	sha256_add(d, o->label, sizeof(o->label));
}

static void derive_uuid(struct ext2_plan *p, const struct ext2_options *options)
{
	struct sha256 d;
	uint8_t sha[SHA256_LEN];

	sha256_start(&d);
	digest_options(&d, options, p->block_size);
	for (uint32_t i = 0; i < p->n_inodes; i++)
		digest_inode(&d, tree_inode_at(p->tree, i));
	sha256_end(&d, sha);
	memcpy(p->uuid, sha, sizeof(p->uuid));
	p->uuid[6] = (p->uuid[6] & 0x0f) | 0x80;
	p->uuid[8] = (p->uuid[8] & 0x3f) | 0x80;
}

void uuid_set(struct ext2_plan *p, const struct ext2_options *options)
{
	static const char purpose[] = "names";
	struct sha256 sha;
	uint8_t seed[SHA256_LEN];

	if (options->have_uuid)
		memcpy(p->uuid, options->uuid, sizeof(p->uuid));
	else
		derive_uuid(p, options);

	sha256_start(&sha);
	sha256_add(&sha, purpose, sizeof(purpose));
	sha256_add(&sha, p->uuid, sizeof(p->uuid));
	sha256_end(&sha, seed);
	for (int i = 0; i < 4; i++) {
		uint32_t word;
		memcpy(&word, seed + i * sizeof(word), sizeof(word));
		p->hash_seed[i] = le32toh(word);
	}
}
