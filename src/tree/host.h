/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Directories and files of the host. A directory is remembered by its path from an open
 * root, and by its device and inode number. It is opened again when it is needed, so that
 * depth and number cost no descriptors; then the numbers show whether a link or another
 * directory has replaced it.
 */
#pragma once

#include "base/strbuf.h"
#include "tree/node.h"

struct host_root {
	struct host_root *next;
	/* As the caller spelled it. */
	char *path;
	int fd;
};

struct host_dir {
	/* NULL: it is the root. */
	const struct host_dir *parent;
	const char *name;
	const struct host_root *root;
	uint64_t dev, ino;
};

/* A regular file, with what identified it when it was added. */
struct host_file {
	const struct host_dir *dir;
	const char *name;
	uint64_t dev, ino;
	/* Changes with content and with metadata. */
	struct tree_time ctime;
};

/* An open directory. */
struct host_at {
	const struct host_dir *dir;
	int fd;
	/* A path to it, for system calls that take no descriptor. */
	char *path;
};

const struct host_dir *host_root_open(
	struct tree *t, const char *path, struct error *err);
/* The same of an open directory, whose descriptor is duplicated. */
const struct host_dir *host_root_add(
	struct tree *t, int fd, const char *path, struct error *err);
void host_roots_free(struct host_root *roots);

struct host_dir *host_dir_new(struct tree *t, const struct host_dir *parent,
	const char *name, const struct stat *st);
int host_dir_open(const struct host_dir *d, int flags, int *ret_fd, struct error *err);
/* Append the path from the root, without a leading slash. */
void host_dir_path(struct strbuf *sb, const struct host_dir *d);
/* The path with the root's own in front and, if it is not NULL, `name` behind. Caller frees. */
char *host_full_path(const struct host_dir *d, const char *name);
/* A path to an open directory; through /proc, if that is there, where it can't be replaced.
 * Caller frees. */
char *host_fd_path(const struct host_dir *d, int fd);

/* A file that was found in an open directory. */
struct host_name {
	const struct host_at *at;
	/* "." for the directory itself. */
	const char *name;
	struct stat st;
};

/* In all three, TREE_ABSENT also means left out as unreadable. */
enum tree_result host_stat(struct tree *t, const struct host_at *at, const char *name,
	struct host_name *ret, struct error *err);
/* Fill in an inode. A regular file's name stays the caller's: only host_put_node() copies it. */
enum tree_result host_read_node(struct tree *t, const struct host_name *file,
	struct tree_inode *ret, struct error *err);
/* Put it into the tree. Another name of a file that the tree has becomes a hard link. */
enum tree_result host_put_node(struct tree *t, const struct host_name *file,
	const struct tree_spot *spot, struct tree_inode **ret_inode, struct error *err);
/* A file can't be read: leave it out, or fail, as the options say. `name` NULL: the
 * directory itself. */
enum tree_result host_skip(struct tree *t, const struct host_dir *dir, const char *name,
	int num, struct error *err);

int host_file_open(const struct tree_inode *inode, int *ret_fd, struct error *err);
int host_file_verify(const struct tree_inode *inode, int fd, struct error *err);
