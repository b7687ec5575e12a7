/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Allocation that can't fail, and cleanup attributes.
 *
 * Out of memory aborts: hypermin's own data is small, and a half-handled shortage loses
 * more than a clear abort. The public header says so to library users.
 */
#pragma once

#include "base/macros.h"

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *ptr, size_t size);
/* Like realloc() for an array; aborts when count * size wraps. */
void *xreallocarray(void *ptr, size_t count, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);
void *xmemdup(const void *data, size_t len);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define CLEANUP(fn)   __attribute__((cleanup(fn)))
#define CLEANUP_FREE  CLEANUP(cleanup_free)
#define CLEANUP_CLOSE CLEANUP(cleanup_close)

/* Hand ownership on: the variable is emptied, so its cleanup attribute does nothing. */
#define TAKE_PTR(ptr)                     \
	({                                \
		__typeof__(ptr) p_ = ptr; \
		(ptr) = NULL;             \
		p_;                       \
	})
#define TAKE_FD(fd)           \
	({                    \
		int fd_ = fd; \
		(fd) = -1;    \
		fd_;          \
	})
