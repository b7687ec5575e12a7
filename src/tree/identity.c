/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tree's identity: a digest over everything an image is made from. Contents are not
 * read where a file's times show every change. Each part has a fixed length or its length
 * in front, so that no two different trees give the same bytes.
 */
#include "base/io.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "tree/host.h"
#include "tree/spool.h"

static void add_numbers(struct sha256 *c, const uint64_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sha256_add_number(c, numbers[i]);
}

#define ADD_NUMBERS(c, ...)                             \
	add_numbers(c, (const uint64_t[]){__VA_ARGS__}, \
		ARRAY_SIZE(((const uint64_t[]){__VA_ARGS__})))

static void add_metadata(struct sha256 *c, const struct tree_inode *inode)
{
	ADD_NUMBERS(c, inode->mode, inode->uid, inode->gid, inode->mtime.sec,
		inode->mtime.nsec, inode->size, inode->n_xattrs);
	for (uint32_t i = 0; i < inode->n_xattrs; i++) {
		const struct tree_xattr *x = &inode->xattrs[i];
		sha256_add_string(c, x->name);
		sha256_add_field(c, x->value, x->len);
	}
}

static void add_names(struct sha256 *c, const struct tree_inode *dir)
{
	size_t n;
	const struct tree_entry *e = tree_dir_entries(dir, &n);

	ADD_NUMBERS(c, n);
	for (size_t i = 0; i < n; i++) {
		sha256_add_string(c, e[i].name);
		ADD_NUMBERS(c, e[i].inode->index);
	}
}

/* False if it can't be read; then no image can be made either. */
static bool add_content(struct sha256 *c, const struct tree_inode *inode)
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
		sha256_add(c, buffer, n);
		left -= n;
		offset += n;
	}
	close(fd);
	return left == 0;
}

static void add_source(struct sha256 *c, const struct tree_inode *inode)
{
	ADD_NUMBERS(c, inode->content);
	switch (inode->content) {
	case TREE_CONTENT_NONE:
		break;
	case TREE_CONTENT_MEMORY:
		sha256_add(c, inode->source, inode->size);
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
		sha256_add(c, s->archive, SHA256_LEN);
		ADD_NUMBERS(c, s->archive_offset);
		break;
	}
	}
}

static void add_regular(struct sha256 *c, const struct tree_inode *inode)
{
	ADD_NUMBERS(c, inode->all_hole, inode->n_extents);
	for (uint32_t i = 0; i < inode->n_extents; i++)
		ADD_NUMBERS(c, inode->extents[i].offset, inode->extents[i].len);
	add_source(c, inode);
}

static void add_inode(struct sha256 *c, const struct tree_inode *inode)
{
	add_metadata(c, inode);
	if (S_ISDIR(inode->mode))
		add_names(c, inode);
	else if (S_ISLNK(inode->mode))
		sha256_add(c, inode->target, inode->size);
	else if (S_ISREG(inode->mode))
		add_regular(c, inode);
	else if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		ADD_NUMBERS(c, inode->rdev_major, inode->rdev_minor);
}

void tree_identity(const struct tree *t, uint8_t ret_sha256[static 32])
{
	struct sha256 c;

	sha256_start(&c);
	for (uint32_t i = 0; i < tree_inode_count(t); i++)
		add_inode(&c, tree_inode_at(t, i));
	sha256_end(&c, ret_sha256);
}
