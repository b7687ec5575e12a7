/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the guest knows of the host's files. A node is a name in a directory, which is
 * another node, and the identity (device and inode number) of the file that was found
 * there.
 *
 *	root (1) ── "0" ── share's directory, descriptor ── "src" ── "main.c"
 *	         └─ "1" ── …                                 │
 *	                                                     └ opened when it is needed, closed
 *	                                                       when others were used since
 *
 * A file is reached by the descriptor of its directory and its name, and what is found
 * there has to have the node's identity: if the host puts another file at the name, the
 * node is stale (ESTALE) and the guest looks the name up again. No path has two
 * components and no link is followed, so nothing outside the share is reached.
 *
 * The guest may go on using a file that it has removed, so such a node keeps a descriptor
 * (O_PATH) in place of the name.
 *
 * Nodes live until the guest forgets them and no other node or handle needs them.
 * Functions return 0 or a descriptor, or a negative errno.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/vector.h"

/* About 200 bytes each. A guest's kernel that keeps more needs gigabytes for them. */
#define NODES_MAX (4u << 20)

struct handle;

struct node {
	uint64_t id;
	/* No two nodes have the same id and generation. */
	uint64_t generation;
	/* How often the guest was told of it, less what it has forgotten. */
	uint64_t lookups;
	/* Nodes in it, and handles of it. */
	size_t users;
	/* NULL, like the name, in the root and where no name leads to it any more. */
	struct node *parent;
	char *name;
	struct node *next_in_bucket;
	/* The open handles of it (handles.h). */
	struct handle *handles;
	/* In the list of the nodes whose fd can be closed. */
	struct node *newer, *older;
	/* The request that used fd last. */
	uint64_t used;
	dev_t dev;
	ino_t ino;
	/* S_IFDIR, S_IFREG, … */
	mode_t type;
	/* An index of the server's directories; not for the root. */
	unsigned share;
	/* Of the file itself, O_PATH at least; or -1. */
	int fd;
	/* The root of the mount, or a share's directory: never forgotten. */
	bool fixed;
	/* A mount point of a file system of the kernel (base/kernel-fs.h): an empty directory. */
	bool hidden;
	/* The change time of the content that the guest may have in its cache; 0: not known.
	 * For files (files.c) and links (nodes.c). */
	struct timespec seen_ctime;
};

struct nodes {
	VECTOR(struct node *) by_id;
	VECTOR(uint64_t) free_ids;
	struct node **buckets;
	size_t bucket_count;
	size_t count;
	uint64_t generation;
	/* Counts the requests: a descriptor that this one uses is not closed. */
	uint64_t request;
	struct node *newest, *oldest;
	size_t open, open_max;
	size_t pinned, pinned_max;
};

/* `descriptors`: about how many the table may keep open. Node 1 is made. */
void nodes_init(struct nodes *t, size_t descriptors);
void nodes_done(struct nodes *t);

/* A node that the guest knows, or NULL. */
struct node *nodes_get(const struct nodes *t, uint64_t id);
/* The one with this name, or NULL. The guest need not know it. */
struct node *nodes_find(
	const struct nodes *t, const struct node *parent, const char *name);
/* A share's directory in the root. It borrows fd. */
struct node *nodes_add_share(
	struct nodes *t, const char *name, unsigned share, int fd, const struct stat *st);
/* The node of the file `st` at the name, after telling the guest of it. NULL if there are
 * too many. */
struct node *nodes_tell(
	struct nodes *t, struct node *parent, const char *name, const struct stat *st);
void nodes_forget(struct nodes *t, struct node *n, uint64_t lookups);
/* A handle of it came or went. */
void nodes_use(struct node *n);
void nodes_unuse(struct nodes *t, struct node *n);

/* Before its file is removed: keep a descriptor of it. */
void nodes_pin(struct nodes *t, struct node *n);
/* It was not removed. */
void nodes_unpin(struct nodes *t, struct node *n);
/* No name leads to it any more. */
void nodes_detach(struct nodes *t, struct node *n);
/* Its name is now this one. It is not above `parent`. */
void nodes_move(struct nodes *t, struct node *n, struct node *parent, const char *name);
/* Whether n is `below`, or a directory above it. */
bool nodes_is_above(const struct node *n, const struct node *below);

/* A directory's descriptor (O_PATH), to be used by this request only; nothing is found in
 * a hidden one. */
int nodes_directory(struct nodes *t, struct node *n);
int nodes_stat(struct nodes *t, struct node *n, struct stat *ret);
/* A new descriptor of the file itself, O_PATH at least. */
int nodes_open_path(struct nodes *t, struct node *n);
/* A new descriptor of a regular file for reading or writing; `flags` as for openat(). */
int nodes_open_file(struct nodes *t, struct node *n, int flags, struct stat *ret);
/* Close its own descriptor, if it has one. */
void nodes_close(struct nodes *t, struct node *n);
