/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An arena: many small allocations that die together. A build keeps names, paths and
 * nodes in one. Zero bytes are an empty arena.
 */
#pragma once

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;
	char *next;
	size_t left;
};

/* Zeroed memory, aligned for any type. */
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);
/* `len` bytes of s, which may hold NULs, with a NUL behind them. */
char *arena_strndup(struct arena *a, const char *s, size_t len);
void arena_done(struct arena *a);
