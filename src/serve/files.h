/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Contents of the host's files, and of archives in spool files: those that were read last stay
 * open. Thread-safe.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct files;
struct tree;
struct tree_inode;

struct files *files_new(const struct tree *tree);
void files_free(struct files *f);
/* Bytes within the file's size. -1: it can't be read, or is not the file that was added; the
 * log has been told so. */
int files_read(struct files *f, const struct tree_inode *file, uint64_t offset, void *to,
	size_t len);
