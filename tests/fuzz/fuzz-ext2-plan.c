/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a tree and the options of its image. A plan is made of it, or an error
 * with words; and of a plan an image that the unit tests' own reader finds the whole tree
 * in. Half of the trees have something in them that no input should bring.
 */
#include "../unit/test-ext2-maker.h"
#include "../unit/test-ext2-reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Larger ones take the fuzzer too long. */
#define IMAGE_MAX (256 << 20)

static uint64_t any_number(void)
{
	return random_below(UINT64_MAX) >> random_below(64);
}

static void spoil_extents(struct maker *m, struct tree_inode *inode)
{
	struct tree_extent *extents = arena_alloc(&m->arena, 3 * sizeof(*extents));

	inode->n_extents = 1 + random_below(3);
	for (uint32_t i = 0; i < inode->n_extents; i++)
		extents[i] = (struct tree_extent){any_number(), any_number()};
	inode->extents = extents;
}

static void spoil_xattrs(struct maker *m, struct tree_inode *inode)
{
	static const char *const names[] = {"system.posix_acl_access",
		"system.posix_acl_default", "user.", "system.data", "", "user.x"};
	struct tree_xattr *xattr = arena_alloc(&m->arena, sizeof(*xattr));
	uint8_t *value = arena_alloc(&m->arena, 70000);

	xattr->name = names[random_below(ARRAY_SIZE(names))];
	xattr->len = random_size(one_in(4) ? 70000 : 60);
	xattr->value = value;
	for (uint32_t i = 0; i < xattr->len && i < 60; i++)
		value[i] = random_below(256);
	inode->xattrs = xattr;
	inode->n_xattrs = 1;
}

static void spoil(struct maker *m, struct tree_inode *inode)
{
	switch (random_below(7)) {
	case 0:
		inode->mtime.sec = any_number();
		inode->mtime.nsec = any_number();
		break;
	case 1:
		if (!S_ISDIR(inode->mode))
			inode->nlink = any_number();
		break;
	case 2:
		if (S_ISREG(inode->mode))
			spoil_extents(m, inode);
		break;
	case 3:
		if (S_ISREG(inode->mode) && inode->all_hole)
			inode->size = any_number();
		break;
	case 4:
		if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode)) {
			inode->rdev_major = any_number();
			inode->rdev_minor = any_number();
		}
		break;
	case 5:
		if (S_ISLNK(inode->mode))
			inode->size = random_below(inode->size);
		break;
	default:
		spoil_xattrs(m, inode);
	}
}

static void write_and_read(const struct tree *t, const struct ext2_options *o)
{
	struct ext2_summary s;
	struct ext2_plan *plan;

	err.msg[0] = '\0';
	if (ext2_plan_new(t, o, &plan, &err) < 0) {
		assert_true(err.msg[0] != '\0');
		return;
	}
	ext2_plan_summary(plan, &s);
	if (s.size < IMAGE_MAX) {
		CLEANUP_CLOSE int fd = memfd_create("image", MFD_CLOEXEC);
		CLEANUP_FREE char *path = xasprintf("/proc/self/fd/%d", fd);
		assert_ok(ext2_emit(plan, fd, NULL, NULL, &err));
		assert_image_holds(path, t);
	}
	ext2_plan_free(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ext2_options o;
	struct maker m;

	if (len < 8)
		return 0;
	/* The bytes of files. */
	memcpy(&entropy.number, data, 8);
	entropy.bytes = data + 8;
	entropy.len = len - 8;
	maker_init(&m, &o);
	if (one_in(8))
		add_sparse_file(&m, o.block_size);
	bool sound = one_in(2);
	while (entropy.len)
		add_random(&m, o.block_size);
	tree_finish(m.t);
	entropy.bytes = data;
	entropy.len = len;
	if (!sound)
		spoil(&m, tree_inode_at(m.t, random_below(tree_inode_count(m.t))));
	write_and_read(m.t, &o);
	maker_done(&m);
	return 0;
}
