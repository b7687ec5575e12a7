/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An arena of chained chunks; see arena.h. */
#include "base/arena.h"

#include <stdalign.h>
#include <string.h>

#include "base/mem.h"

#define CHUNK_SIZE (256 * 1024)

struct arena_chunk {
	struct arena_chunk *next;
	alignas(max_align_t) char data[];
};

static void *new_chunk(struct arena *a, size_t size)
{
	struct arena_chunk *chunk = xcalloc(1, sizeof(*chunk) + size);
	chunk->next = a->chunks;
	a->chunks = chunk;
	return chunk->data;
}

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t align = alignof(max_align_t);

	if (size > CHUNK_SIZE / 4)
		return new_chunk(a, size);
	size = (size + align - 1) & ~(align - 1);
	if (size > a->left) {
		a->next = new_chunk(a, CHUNK_SIZE);
		a->left = CHUNK_SIZE;
	}
	void *mem = a->next;
	a->next += size;
	a->left -= size;
	return mem;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *copy = arena_alloc(a, len + 1);
	memcpy(copy, s, len);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

void arena_done(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *next = a->chunks->next;
		free(a->chunks);
		a->chunks = next;
	}
	*a = (struct arena){0};
}
