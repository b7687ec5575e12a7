/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Private to this folder: the server's state, and a request on its way to a handler.
 *
 *	bytes ─► share_take() ─► row of the opcode ─► arguments, checked ─► handler ─► reply
 *	         requests.c      what it has: a struct,                     read.c …
 *	                         names, data
 *
 * A handler gets what its row promises: a node that the guest knows, the struct whole,
 * names that are one component. It adds its reply to s->out and returns 0, or a negative
 * errno that becomes the reply.
 */
#pragma once

#include <linux/fuse.h>
#include <sys/stat.h>

#include "base/strbuf.h"
#include "share/handles.h"
#include "share/nodes.h"
#include "share/share.h"

struct share {
	const struct share_directory *directories;
	size_t count;
	struct share_root_owner root;
	struct nodes nodes;
	struct handles handles;
	/* How many nodes and handles may have together. */
	size_t descriptors;
	dev_t devtmpfs;
	/* The guest has said INIT. */
	bool started;
	/* Not all shares are SHARE_OVERLAY or SHARE_HOST. */
	bool has_xattrs;
	/* The process is root, so new files have to be given to their owners. */
	bool privileged;
	/* What one reply may have behind its header. */
	uint32_t data_max;
	/* A node whose attributes the guest has to ask for again; 0: none. */
	uint64_t outdated;
	/* Replies that the guest has not got yet; the first out_sent bytes are gone. */
	struct strbuf out;
	size_t out_sent;
};

struct request {
	struct fuse_in_header header;
	struct node *node;
	union {
		struct fuse_init_in init;
		struct fuse_forget_in forget;
		struct fuse_batch_forget_in batch_forget;
		struct fuse_getattr_in getattr;
		struct fuse_setattr_in setattr;
		struct fuse_mknod_in mknod;
		struct fuse_mkdir_in mkdir;
		struct fuse_rename2_in rename;
		struct fuse_link_in link;
		struct fuse_open_in open;
		struct fuse_create_in create;
		struct fuse_release_in release;
		struct fuse_read_in read;
		struct fuse_write_in write;
		struct fuse_fsync_in fsync;
		struct fuse_setxattr_in setxattr;
		struct fuse_getxattr_in getxattr;
		struct fuse_fallocate_in fallocate;
		struct fuse_lseek_in lseek;
	} in;
	/* The strings that the row asks for. */
	const char *name, *second;
	/* The rest. */
	const char *data;
	size_t data_len;
};

typedef int request_handler(struct share *s, struct request *r);

/* session.c */
request_handler handle_init, handle_destroy;

/* reply.c */
void reply_add(struct share *s, const void *data, size_t len);
void reply_fill_entry(const struct share *s, const struct node *n, const struct stat *st,
	struct fuse_entry_out *ret);
void reply_attributes(struct share *s, const struct node *n, const struct stat *st);
/* The mode of the node's share; the root is read-only. */
enum share_mode node_mode(const struct share *s, const struct node *n);
/* Nothing changes in the share: the guest may remember for an hour what it has seen. */
bool node_is_still(const struct share *s, const struct node *n);

/* lookup.c */
int node_stat(struct share *s, struct node *n, struct stat *ret);
/* Tell the guest what is at the name; fd is the directory's. */
int lookup_at(struct share *s, struct node *directory, int fd, const char *name,
	struct node **ret, struct stat *ret_st);
request_handler handle_lookup, handle_forget, handle_batch_forget, handle_getattr,
	handle_readlink, handle_statfs;

/* files.c */
/* A descriptor of the node's file, for the guest's flags for open(). */
int open_regular(struct share *s, struct node *n, uint32_t flags, struct stat *ret);
/* Takes fd. */
int reply_open(struct share *s, struct node *n, int fd, bool keep_cache);
request_handler handle_open, handle_read, handle_release, handle_lseek, handle_fsync;

/* write.c */
/* Before the content changes. As for any user but root, a changed program loses the right
 * to run as its owner. */
void drop_set_id(const struct share *s, int fd);
request_handler handle_write, handle_fallocate, handle_setattr;

/* names.c */
request_handler handle_create, handle_mknod, handle_mkdir, handle_symlink, handle_link,
	handle_unlink, handle_rmdir, handle_rename;

/* xattr.c */
request_handler handle_getxattr, handle_listxattr, handle_setxattr, handle_removexattr;

/* directory.c */
request_handler handle_opendir, handle_readdir, handle_readdirplus, handle_releasedir,
	handle_fsyncdir;
