/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to this folder: the server's state, and a client's. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "serve/ahead.h"
#include "serve/files.h"
#include "serve/serve.h"

struct ext2_metadata;

struct serve {
	const struct ext2_plan *plan;
	uint64_t size;
	uint32_t block_size;
	struct ext2_metadata *metadata;
	struct files *files;
};

struct client {
	struct serve *serve;
	const struct serve_channel *channel;
	/* What it has negotiated. */
	bool no_zeroes, structured, allocation;

	/* Held while a request is read, and while a reply or a chunk is written. */
	pthread_mutex_t receive, send;
	struct ahead ahead;
	/* It has said all, or broke the protocol; and it takes no answer any more. */
	atomic_bool is_over, is_deaf;
	/* Of those that break the protocol: what they did. */
	const char *_Atomic offence;
};

/* ---- image.c ---- */

/*
 * Bytes of the image, which has that many from `offset` on. Returns how many were read: with
 * `holes` it stops before a hole, and 0 says that one begins here. -1: the file that has the
 * byte at *ret_failed can't be served.
 */
ssize_t image_read(struct serve *s, uint64_t offset, uint8_t *to, size_t len, bool holes,
	uint64_t *ret_failed);
/* How many of `len` bytes from here on are of the same kind, and is it a hole? May stop early
 * where finding out takes long. */
uint64_t image_run(const struct serve *s, uint64_t offset, uint64_t len, bool *ret_hole);

/* ---- negotiate.c, answer.c ---- */

/* The client broke the protocol; always -1. */
int client_offends(struct client *c, const char *how);

enum negotiated {
	NEGOTIATED_OVER = -1,
	/* Requests follow. */
	NEGOTIATED_GO = 0,
	/* It has what it wanted. */
	NEGOTIATED_LEFT = 1,
};
enum negotiated client_negotiate(struct client *c);

/* Answer requests until there are no more; several threads may do so. */
void client_answer(struct client *c);
