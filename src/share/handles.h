/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files and directories that the guest has open, by the number that it was given. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "share/nodes.h"

struct handle {
	uint64_t id;
	struct node *node;
	/* Of the same node. */
	struct handle *next;
	/* -1: a directory that the server makes up. */
	int fd;
	bool directory;
	/* Where fd stands in the directory; -1: not known. */
	int64_t position;
};

struct handles {
	VECTOR(struct handle *) by_id;
	VECTOR(uint64_t) free_ids;
	size_t count, max;
};

void handles_init(struct handles *t, size_t max);
/* Close all. */
void handles_done(struct handles *t);
/* Takes fd. NULL if there are too many. */
struct handle *handles_add(struct handles *t, struct node *n, int fd, bool directory);
/* NULL if there is no such handle, or if it is of another node or another kind. */
struct handle *handles_get(
	const struct handles *t, uint64_t id, uint64_t node, bool directory);
/* Its node may be freed with it. */
void handles_close(struct handles *t, struct nodes *nodes, struct handle *h);
