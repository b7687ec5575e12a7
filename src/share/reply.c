/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What replies are made of: entries and attributes, as the share's mode wants them. */
#include <sys/sysmacros.h>

#include "share/ids.h"
#include "share/server.h"

/* How long the guest may believe what it was told. */
#define SECONDS_CHANGING 1
#define SECONDS_STILL	 3600

void reply_add(struct share *s, const void *data, size_t len)
{
	strbuf_add(&s->out, data, len);
}

enum share_mode node_mode(const struct share *s, const struct node *n)
{
	return n->id == FUSE_ROOT_ID ? SHARE_RO : s->directories[n->share].mode;
}

bool node_is_still(const struct share *s, const struct node *n)
{
	enum share_mode mode = node_mode(s, n);

	return mode == SHARE_OVERLAY || mode == SHARE_HOST || n->id == FUSE_ROOT_ID;
}

/* The kernel's 32 bits: new_encode_dev(). */
static uint32_t encode_device(dev_t dev)
{
	return (minor(dev) & 0xff) | major(dev) << 8 | (minor(dev) & ~0xffu) << 12;
}

static struct fuse_attr attributes(const struct share *s, const struct stat *st)
{
	return (struct fuse_attr){
		.ino = st->st_ino,
		.size = st->st_size,
		.blocks = st->st_blocks,
		.atime = st->st_atim.tv_sec,
		.mtime = st->st_mtim.tv_sec,
		.ctime = st->st_ctim.tv_sec,
		.atimensec = st->st_atim.tv_nsec,
		.mtimensec = st->st_mtim.tv_nsec,
		.ctimensec = st->st_ctim.tv_nsec,
		.mode = st->st_mode,
		.nlink = st->st_nlink,
		.uid = ids_to_guest(s->root.uid, st->st_uid),
		.gid = ids_to_guest(s->root.gid, st->st_gid),
		.rdev = encode_device(st->st_rdev),
		.blksize = st->st_blksize,
	};
}

static uint64_t name_seconds(const struct share *s, const struct node *n)
{
	return node_is_still(s, n) ? SECONDS_STILL : SECONDS_CHANGING;
}

static uint64_t attribute_seconds(
	const struct share *s, const struct node *n, const struct stat *st)
{
	/* Its other names are other nodes, and what they do changes this one. */
	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1 && !node_is_still(s, n))
		return 0;
	return name_seconds(s, n);
}

void reply_fill_entry(const struct share *s, const struct node *n, const struct stat *st,
	struct fuse_entry_out *ret)
{
	*ret = (struct fuse_entry_out){
		.nodeid = n->id,
		.generation = n->generation,
		.entry_valid = name_seconds(s, n),
		.attr_valid = attribute_seconds(s, n, st),
		.attr = attributes(s, st),
	};
}

void reply_attributes(struct share *s, const struct node *n, const struct stat *st)
{
	struct fuse_attr_out out = {
		.attr_valid = attribute_seconds(s, n, st),
		.attr = attributes(s, st),
	};

	reply_add(s, &out, sizeof(out));
}
