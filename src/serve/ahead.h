/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading ahead for a client that reads in order. While it is busy with one answer, the thread
 * that has sent it reads what comes next. Thread-safe.
 *
 *	idle ──ahead_fill()──► filling ──► full, or idle if nothing could be read
 *	  ▲                                  │
 *	  └──────────ahead_take()────────────┘
 *
 * What was read ahead has been compared with the plan after it was read, like all that is read:
 * it is the tree's, even if the file changes before it is asked for.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serve/buffer.h"

struct serve;

/* One for each client. */
struct ahead {
	/* Of all that follows. */
	pthread_mutex_t lock;
	pthread_cond_t filled;
	bool is_filling;
	/* Where the client reads next if it goes on in order. */
	uint64_t next;
	/* What is read ahead, or is being read: 0 bytes if nothing is there. */
	uint64_t offset;
	size_t len;
	struct buffer buffer;
};

void ahead_init(struct ahead *a);
void ahead_done(struct ahead *a);

/*
 * A read of `len` bytes begins. Returns how many of them are read already; they are in `b`,
 * which is exchanged for this. *ret_in_order: it goes on where the one before ended.
 */
size_t ahead_take(struct ahead *a, uint64_t offset, uint32_t len, struct buffer *b,
	bool *ret_in_order);
/* It has been answered: read as many bytes from `offset` on, unless somebody does. */
void ahead_fill(struct ahead *a, struct serve *s, uint64_t offset, uint32_t len,
	struct buffer *b);
