/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tree's identity: a digest over everything an image is made from, without reading
 * contents that a file system's times vouch for. Each part has its length in front or a
 * fixed one, so no two trees give the same bytes.
 */
#include <endian.h>
#include <sha2.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "tree/host.h"
#include "tree/spool.h"

static void add_bytes(SHA2_CTX *c, const void *data, size_t len)
{
	SHA256Update(c, data, len);
}

static void add_numbers(SHA2_CTX *c, const uint64_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t le = htole64(numbers[i]);
		add_bytes(c, &le, sizeof(le));
	}
}

#define ADD_NUMBERS(c, ...)                             \
	add_numbers(c, (const uint64_t[]){__VA_ARGS__}, \
		sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void add_string(SHA2_CTX *c, const void *data, size_t len)
{
	ADD_NUMBERS(c, len);
	add_bytes(c, data, len);
}

static void add_metadata(SHA2_CTX *c, const struct tree_inode *inode)
{
	ADD_NUMBERS(c, inode->mode, inode->uid, inode->gid, inode->mtime.sec,
		inode->mtime.nsec, inode->size, inode->n_xattrs);
	for (uint32_t i = 0; i < inode->n_xattrs; i++) {
		const struct tree_xattr *x = &inode->xattrs[i];
		add_string(c, x->name, strlen(x->name));
		add_string(c, x->value, x->len);
	}
}

static void add_names(SHA2_CTX *c, const struct tree_inode *dir)
{
	size_t n;
	const struct tree_entry *e = tree_dir_entries(dir, &n);

	ADD_NUMBERS(c, n);
	for (size_t i = 0; i < n; i++) {
		add_string(c, e[i].name, strlen(e[i].name));
		ADD_NUMBERS(c, e[i].inode->index);
	}
}

/* False if it can't be read. Then there will be no image either. */
static bool add_content(SHA2_CTX *c, const struct tree_inode *inode)
{
	uint8_t buffer[16 * 1024];
	uint64_t offset;
	int fd;

	if (tree_content_open(inode, &fd, &offset, NULL) < 0)
		return false;
	uint64_t left = inode->size;
	while (left) {
		ssize_t n = io_pread_full(fd, buffer, MIN(left, sizeof(buffer)), offset);
		if (n <= 0)
			break;
		add_bytes(c, buffer, n);
		left -= n;
		offset += n;
	}
	close(fd);
	return left == 0;
}

static void add_source(SHA2_CTX *c, const struct tree_inode *inode)
{
	ADD_NUMBERS(c, inode->content);
	switch (inode->content) {
	case TREE_CONTENT_NONE:
		break;
	case TREE_CONTENT_MEMORY:
		add_bytes(c, inode->source, inode->size);
		break;
	case TREE_CONTENT_FILE: {
		const struct host_file *f = inode->source;
		if (inode->by_content && add_content(c, inode))
			break;
		ADD_NUMBERS(c, f->dev, f->ino, f->ctime.sec, f->ctime.nsec);
		break;
	}
	case TREE_CONTENT_SPOOL: {
		const struct spool_slice *s = inode->source;
		add_bytes(c, s->archive, SHA256_DIGEST_LENGTH);
		ADD_NUMBERS(c, s->archive_offset);
		break;
	}
	}
}

static void add_regular(SHA2_CTX *c, const struct tree_inode *inode)
{
	ADD_NUMBERS(c, inode->all_hole, inode->n_extents);
	for (uint32_t i = 0; i < inode->n_extents; i++)
		ADD_NUMBERS(c, inode->extents[i].offset, inode->extents[i].len);
	add_source(c, inode);
}

static void add_inode(SHA2_CTX *c, const struct tree_inode *inode)
{
	add_metadata(c, inode);
	if (S_ISDIR(inode->mode))
		add_names(c, inode);
	else if (S_ISLNK(inode->mode))
		add_bytes(c, inode->target, inode->size);
	else if (S_ISREG(inode->mode))
		add_regular(c, inode);
	else if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		ADD_NUMBERS(c, inode->rdev_major, inode->rdev_minor);
}

void tree_identity(const struct tree *t, uint8_t ret_sha256[static 32])
{
	SHA2_CTX c;

	SHA256Init(&c);
	for (uint32_t i = 0; i < tree_inode_count(t); i++)
		add_inode(&c, tree_inode_at(t, i));
	SHA256Final(ret_sha256, &c);
}
