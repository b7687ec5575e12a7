/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as an archive: whatever comes of it, the tree holds together. What it
 * promises to those who make images from it is checked here name by name.
 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/io.h"
#include "tree/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_regular(const struct tree_inode *inode)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < inode->n_extents; i++) {
		const struct tree_extent *e = &inode->extents[i];
		check(e->len > 0 && e->offset >= end && (i == 0 || e->offset > end));
		check(e->offset <= inode->size && e->len <= inode->size - e->offset);
		end = e->offset + e->len;
	}
	check((inode->size == 0) == (inode->content == TREE_CONTENT_NONE));
	check(!inode->all_hole || inode->n_extents == 0);
}

static void check_readable(const struct tree_inode *inode)
{
	CLEANUP_CLOSE int fd = -1;
	uint64_t offset;
	char byte;

	if (inode->content != TREE_CONTENT_SPOOL || inode->all_hole)
		return;
	check(tree_content_open(inode, &fd, &offset, NULL) == 0);
	const struct tree_extent *e =
		inode->n_extents ? &inode->extents[inode->n_extents - 1] : NULL;
	uint64_t end = e ? e->offset + e->len : inode->size;
	check(io_pread_full(fd, &byte, 1, offset + end - 1) == 1);
}

static void check_xattrs(const struct tree_inode *inode)
{
	for (uint32_t i = 1; i < inode->n_xattrs; i++)
		check(strcmp(inode->xattrs[i - 1].name, inode->xattrs[i].name) < 0);
}

static void check_names(const struct tree_inode *dir)
{
	size_t n;
	const struct tree_entry *e = tree_dir_entries(dir, &n);

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(e[i].name);
		check(len > 0 && len <= 255 && !strchr(e[i].name, '/'));
		check(strcmp(e[i].name, ".") != 0 && strcmp(e[i].name, "..") != 0);
		check(i == 0 || strcmp(e[i - 1].name, e[i].name) < 0);
		check(e[i].inode->nlink > 0);
	}
}

static void check_inode(const struct tree *t, uint32_t index)
{
	const struct tree_inode *inode = tree_inode_at(t, index);

	check(inode->index == index);
	check(inode->mtime.nsec < 1000000000);
	check_xattrs(inode);
	if (S_ISDIR(inode->mode))
		check_names(inode);
	else if (S_ISLNK(inode->mode))
		check(inode->size == strlen(inode->target) && inode->size > 0 &&
			inode->size < 4096);
	else if (S_ISREG(inode->mode))
		check_regular(inode);
	if (S_ISREG(inode->mode))
		check_readable(inode);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t identity[32];
	struct error err;

	struct tree *t = tree_new(NULL);
	CLEANUP_CLOSE int fd = memfd_create("archive", MFD_CLOEXEC);
	check(fd >= 0 && io_pwrite_full(fd, data, len, 0) == 0);
	/* What was read before an error has to hold together too. */
	int r = tree_add_archive(t,
		&(struct tree_archive){
			.fd = fd, .name = "fuzz", .at = "/opt", .spool_dir = "/tmp"},
		&err);
	check(r == 0 || strncmp(err.msg, "archive 'fuzz': ", 16) == 0);
	tree_finish(t);
	for (uint32_t i = 0; i < tree_inode_count(t); i++)
		check_inode(t, i);
	tree_identity(t, identity);
	tree_free(t);
	return 0;
}
