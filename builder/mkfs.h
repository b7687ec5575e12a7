/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `hypermin mkfs`: what was asked for, and doing it. */
#pragma once

#include "base/vector.h"
#include "ext2/ext2.h"
#include "tree/tree.h"

enum mkfs_input_kind {
	MKFS_TREE,
	MKFS_ARCHIVE,
	/* An archive whose whiteouts apply. */
	MKFS_LAYER,
};

struct mkfs_input {
	enum mkfs_input_kind kind;
	/* Both owned: the input, and where it goes in the image. */
	char *path, *at;
};

struct mkfs_request {
	/* One of them: the file to write, or the socket to serve at. */
	const char *output, *serve;
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
