/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `hypermin mkfs`: what was asked for, and doing it. */
#pragma once

#include "base/vector.h"
#include "ext2/ext2.h"
#include "tree/tree.h"

struct mkfs_input {
	int (*add)(struct tree *t, const struct mkfs_input *input, const char *spool_dir,
		struct error *err);
	char *path; /* owned */
	char *at;   /* owned; where in the image */
};

struct mkfs_request {
	const char *output;
	VECTOR(struct mkfs_input) inputs; /* in the order given */
	struct tree_options tree;
	struct ext2_options ext2;
	uint64_t free_space; /* bytes */
	unsigned free_inodes;
	unsigned workers;
	bool set_root_owner, set_root_mode;
	uint32_t root_uid, root_gid, root_mode;
	bool quiet;
	int verbose;
};

enum { MKFS_FAILED = 1, MKFS_USAGE = 2 };

/* 0; 1 after --help; -1 after a complaint. */
int mkfs_parse_options(int argc, char **argv, struct mkfs_request *ret);
void mkfs_request_done(struct mkfs_request *r);

/* The exit status. */
int mkfs_main(int argc, char **argv);

/* The two kinds of input. */
int mkfs_add_tree(struct tree *t, const struct mkfs_input *input, const char *spool_dir,
	struct error *err);
int mkfs_add_archive(struct tree *t, const struct mkfs_input *input,
	const char *spool_dir, struct error *err);
