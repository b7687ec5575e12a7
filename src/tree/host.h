/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Places on the host that inputs come from. A directory is remembered by its way from an
 * open root and by its device and inode number: it is opened again when needed, so depth
 * and number cost no descriptors, and compared with what was seen, so that a link or
 * another directory put in its place meanwhile is noticed instead of followed.
 */
#pragma once

#include "base/strbuf.h"
#include "tree/node.h"

struct host_root {
	struct host_root *next;
	char *path; /* as the caller named it */
	int fd;
};

struct host_dir {
	const struct host_dir *parent; /* NULL: the root itself */
	const char *name;
	const struct host_root *root;
	uint64_t dev, ino;
};

/* A regular file, as it was when it was added. */
struct host_file {
	const struct host_dir *dir;
	const char *name;
	uint64_t dev, ino;
	struct tree_time ctime; /* changes with content and with metadata */
};

/* An open directory. */
struct host_at {
	const struct host_dir *dir;
	int fd;
	/* A path to it, for the calls that take no descriptor. */
	char *path;
};

const struct host_dir *host_root_open(
	struct tree *t, const char *path, struct error *err);
void host_roots_free(struct host_root *roots);

struct host_dir *host_dir_new(struct tree *t, const struct host_dir *parent,
	const char *name, const struct stat *st);
int host_dir_open(const struct host_dir *d, int flags, int *ret_fd, struct error *err);
/* From the root, without a leading slash. */
void host_dir_path(struct strbuf *sb, const struct host_dir *d);
/* With the root's own path in front, and `name` behind if it is not NULL. Caller
 * frees. */
char *host_full_path(const struct host_dir *d, const char *name);
/* A path to an open directory that is as safe as its descriptor, if /proc is there.
 * Caller frees. */
char *host_fd_path(const struct host_dir *d, int fd);

/* What the file system says of a name; 1 if there is none, or it was skipped as
 * unreadable. */
int host_stat(struct tree *t, const struct host_at *at, const char *name,
	struct stat *ret, struct error *err);
/*
 * Make a node of what was found at `name` ("." for the directory itself). Returns 1 if it
 * was skipped as unreadable.
 */
int host_read_node(struct tree *t, const struct host_at *at, const char *name,
	const struct stat *st, struct tree_inode *ret, struct error *err);
/* The same, and put it into the tree's `dir`; another name of a known file becomes a hard
 * link. */
int host_put_node(struct tree *t, const struct host_at *at, const char *name,
	const struct stat *st, struct tree_inode *dir, struct tree_inode **ret_inode,
	struct error *err);
/* Leave a file out (1) or fail, as the options say. `name` may be NULL: the directory
 * itself. */
int host_skip(struct tree *t, const struct host_dir *dir, const char *name, int num,
	struct error *err);

int host_file_open(const struct tree_inode *inode, int *ret_fd, struct error *err);
int host_file_verify(const struct tree_inode *inode, int fd, struct error *err);

/* path.c */
void path_cache_free(struct path_cache *c);
