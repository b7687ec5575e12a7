/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One inode: converting the tree's form to the disk's, and refusing what has none.
 *
 * Times have 34 bits of seconds, from 1901 to 2446. The low 32 bits are in the classic
 * fields; the other two and the nanoseconds are in the *_extra fields. (e2fsck before the
 * year 2242 asks about times from 2310 to 2378, since old kernels wrote these for 1902 to
 * 1970. The kernel reads them correctly.)
 */
#include "inode.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "plan.h"
#include "xattr.h"

#define TIME_MIN (-(INT64_C(1) << 31))
#define TIME_MAX ((INT64_C(3) << 32) + INT32_MAX)

/* The kernel's two encodings of device numbers: 8 + 8 bits if those suffice, else 12 + 20. */
#define OLD_DEVICE_MAX	 255
#define DEVICE_MAJOR_MAX 0xfff
#define DEVICE_MINOR_MAX 0xfffff

static int refuse(const struct ext2_plan *p, const struct tree_inode *inode, int num,
	const char *what, struct error *err)
{
	CLEANUP_FREE char *path = tree_inode_path(p->tree, inode);

	return error_set(err, num, "'%s': %s", path, what);
}

static bool time_fits(const struct tree_time *t)
{
	return t->sec >= TIME_MIN && t->sec <= TIME_MAX && t->nsec < 1000000000;
}

static bool extents_are_sound(const struct tree_inode *inode)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < inode->n_extents; i++) {
		const struct tree_extent *e = &inode->extents[i];
		if (e->offset < end || e->offset > inode->size ||
			e->len > inode->size - e->offset)
			return false;
		end = e->offset + e->len;
	}
	return true;
}

static int check_by_type(
	const struct ext2_plan *p, const struct tree_inode *inode, struct error *err)
{
	switch (inode->mode & S_IFMT) {
	case S_IFREG:
		if (inode->size > map_max_size(p->block_size))
			return refuse(p, inode, EFBIG,
				"the file is larger than block maps can describe", err);
		if (!extents_are_sound(inode))
			return refuse(p, inode, EINVAL, "size and extents disagree", err);
		return 0;
	case S_IFLNK:
		/* The kernel's buffer for a target is one page, with the NUL. */
		if (inode->size == 0 || inode->size >= MIN(p->block_size, 4096) ||
			strlen(inode->target) != inode->size)
			return refuse(p, inode, ENAMETOOLONG,
				"the symlink's target is empty or longer than a block",
				err);
		return 0;
	case S_IFCHR:
	case S_IFBLK:
		if (inode->rdev_major > DEVICE_MAJOR_MAX ||
			inode->rdev_minor > DEVICE_MINOR_MAX)
			return refuse(p, inode, EOVERFLOW,
				"device number beyond 12 bits major or 20 bits minor",
				err);
		return 0;
	case S_IFDIR:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	default:
		return refuse(p, inode, EINVAL, "unknown file type", err);
	}
}

int inode_check(
	const struct ext2_plan *p, const struct tree_inode *inode, struct error *err)
{
	if (!S_ISDIR(inode->mode) && inode->nlink > EXT2_LINK_MAX)
		return refuse(p, inode, EMLINK, "more than 65000 hard links", err);
	if (!time_fits(&inode->atime) || !time_fits(&inode->mtime) ||
		!time_fits(&inode->ctime))
		return refuse(
			p, inode, EOVERFLOW, "a time before 1901 or after 2446", err);
	return check_by_type(p, inode, err);
}

static void encode_time(const struct tree_time *t, uint32_t *ret_low, uint32_t *ret_extra)
{
	int64_t epoch = (t->sec - (int32_t)(uint32_t)t->sec) >> 32;

	*ret_low = htole32((uint32_t)t->sec);
	*ret_extra = htole32((uint32_t)t->nsec << 2 | (epoch & 3));
}

static void encode_times(const struct tree_inode *inode, struct disk_inode *d)
{
	uint32_t low, extra;

	d->extra_isize = htole16(EXT2_EXTRA_ISIZE);
	encode_time(&inode->atime, &low, &extra);
	d->atime = low;
	d->atime_extra = extra;
	encode_time(&inode->ctime, &low, &extra);
	d->ctime = low;
	d->ctime_extra = extra;
	encode_time(&inode->mtime, &low, &extra);
	d->mtime = d->crtime = low;
	d->mtime_extra = d->crtime_extra = extra;
}

static void encode_owner(const struct tree_inode *inode, struct disk_inode *d)
{
	d->uid = htole16(inode->uid & 0xffff);
	d->uid_high = htole16(inode->uid >> 16);
	d->gid = htole16(inode->gid & 0xffff);
	d->gid_high = htole16(inode->gid >> 16);
}

static void encode_device(const struct tree_inode *inode, struct disk_inode *d)
{
	uint32_t major = inode->rdev_major, minor = inode->rdev_minor;

	if (major <= OLD_DEVICE_MAX && minor <= OLD_DEVICE_MAX)
		d->block[0] = htole32(major << 8 | minor);
	else
		d->block[1] =
			htole32((minor & 0xff) | major << 8 | (minor & ~0xffU) << 12);
}

static void encode_links(
	const struct ext2_plan *p, const struct tree_inode *inode, struct disk_inode *d)
{
	uint32_t links = inode->nlink + (inode->index == 0 && p->add_lost_found);

	/* Only directories get here with more: 1 says "too many to count". */
	d->links_count = htole16(links > EXT2_LINK_MAX ? 1 : links);
}

static void encode_block_count(
	const struct ext2_plan *p, uint64_t blocks, struct disk_inode *d)
{
	uint64_t sectors = blocks << (p->layout.block_shift - 9);

	d->blocks = htole32((uint32_t)sectors);
	d->blocks_high = htole16(sectors >> 32);
}

static void encode_xattrs(
	const struct ext2_plan *p, const struct tree_inode *inode, struct disk_inode *d)
{
	struct xattr_set set;
	uint32_t run;

	/* The plan has checked them. */
	if (xattr_set_init(&set, inode, p->block_size, NULL) == 0)
		xattr_write_body(&set, d->xattrs);
	xattr_set_done(&set);
	if (p->inodes[inode->index].xattrs != NO_XATTR_BLOCK) {
		const struct plan_xattr_block *b =
			&p->xattr_blocks.items[p->inodes[inode->index].xattrs];
		d->file_acl = htole32(layout_address(&p->layout, b->data, &run));
	}
}

static void encode_blocks(
	const struct ext2_plan *p, const struct tree_inode *inode, struct disk_inode *d)
{
	struct block_runs runs = plan_block_runs(p, inode);
	struct map_shape shape;
	uint32_t slots[EXT2_BLOCK_SLOTS];

	map_measure(runs, p->block_size, &shape);
	map_fill_slots(&p->layout, runs, p->inodes[inode->index].meta,
		plan_first_block(p, inode, &shape), slots);
	memcpy(d->block, slots, sizeof(slots));
	encode_block_count(p,
		shape.data_blocks + map_total(&shape) +
			(p->inodes[inode->index].xattrs != NO_XATTR_BLOCK),
		d);
}

void inode_encode(
	const struct ext2_plan *p, const struct tree_inode *inode, struct disk_inode *ret)
{
	struct disk_inode d = {.mode = htole16(inode->mode)};
	uint64_t size = inode->size;

	encode_owner(inode, &d);
	encode_times(inode, &d);
	encode_links(p, inode, &d);
	encode_blocks(p, inode, &d);
	encode_xattrs(p, inode, &d);
	if (S_ISDIR(inode->mode)) {
		const struct dir_shape *shape = &plan_dir(p, inode)->shape;
		size = (uint64_t)shape->blocks << p->layout.block_shift;
		d.flags = htole32(shape->hashed ? EXT2_INODE_FLAG_INDEX : 0);
	} else if (S_ISLNK(inode->mode) && size < EXT2_FAST_SYMLINK) {
		memcpy(d.block, inode->target, size);
	} else if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode)) {
		encode_device(inode, &d);
	}
	d.size = htole32((uint32_t)size);
	d.size_high = htole32(size >> 32);
	*ret = d;
}

void inode_encode_lost_found(const struct ext2_plan *p, struct disk_inode *ret)
{
	struct disk_inode d = {
		.mode = htole16(S_IFDIR | 0700),
		.links_count = htole16(2),
		.size = htole32(p->block_size),
	};
	uint32_t run;

	encode_times(tree_root(p->tree), &d);
	encode_block_count(p, 1, &d);
	d.block[0] = htole32(layout_address(&p->layout, 0, &run));
	*ret = d;
}
