/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A growing array as a plain struct: items, len, cap. Zero bytes are an empty one.
 *
 *	VECTOR(int) fds = {0};
 *	vector_push(&fds, 3);
 *	vector_foreach(fd, &fds) ... *fd ...
 *	vector_done(&fds);
 *
 * Pointers into `items` are valid until the next push.
 */
#pragma once

#include "base/mem.h"

#define VECTOR(type)         \
	struct {             \
		type *items; \
		size_t len;  \
		size_t cap;  \
	}

#define vector_reserve(v, want)                                                      \
	do {                                                                         \
		if ((v)->cap < (size_t)(want)) {                                     \
			(v)->cap = MAX((size_t)(want), (v)->cap ? (v)->cap * 2 : 8); \
			(v)->items = xreallocarray(                                  \
				(v)->items, (v)->cap, sizeof((v)->items[0]));        \
		}                                                                    \
	} while (0)

#define vector_push(v, ...)                             \
	do {                                            \
		vector_reserve(v, (v)->len + 1);        \
		(v)->items[(v)->len++] = (__VA_ARGS__); \
	} while (0)

#define vector_foreach(it, v)                            \
	for (__typeof__((v)->items + 0) it = (v)->items; \
		it && it < (v)->items + (v)->len; it++)

#define vector_sort(v, cmp)                                                      \
	do {                                                                     \
		if ((v)->len > 1)                                                \
			qsort((v)->items, (v)->len, sizeof((v)->items[0]), cmp); \
	} while (0)

#define vector_done(v)                   \
	do {                             \
		free((v)->items);        \
		(v)->items = NULL;       \
		(v)->len = (v)->cap = 0; \
	} while (0)

/* A vector of strings that it owns. */
struct strvec {
	char **items;
	size_t len;
	size_t cap;
};

void strvec_add(struct strvec *v, const char *s);
void strvec_addf(struct strvec *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void strvec_sort(struct strvec *v);
void strvec_done(struct strvec *v);
/* The items with a NULL behind them, as execv() wants; still owned by the vector. */
char **strvec_argv(struct strvec *v);

#define CLEANUP_STRVEC CLEANUP(strvec_done)
