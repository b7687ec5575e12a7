/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where an image's files are: in a directory, or in an archive, which is read into a tree of
 * its own. So links inside the archive lead where they should, and nothing leads out of it.
 */
#pragma once

#include "cache/stamp.h"
#include "tree/tree.h"

struct image_source {
	/* The directory or the archive, for errors. */
	const char *path;
	/* NULL: it is a directory. */
	struct tree *archive;
	/* Gets the files that are read. */
	struct stamp *stamp;
};

/* A part of an open file. */
struct image_file {
	int fd;
	uint64_t offset, size;
};

int image_source_open(struct image_source *ret, const char *path, bool is_archive,
	struct stamp *stamp, const char *spool_dir, struct error *err);
void image_source_done(struct image_source *source);

/* `name` is relative. The caller closes ret->fd. */
int image_source_find(const struct image_source *source, const char *name,
	struct image_file *ret, struct error *err);
/* A small file's bytes, with a NUL behind them. The caller frees them. Unless `digest` is
 * NULL, they have it. */
int image_source_read(const struct image_source *source, const char *name,
	const char *digest, char **ret_data, size_t *ret_len, struct error *err);
