/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a reply is put together: its data is read behind the room for its header. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "serve/nbd.h"

/* The longest kind of header. */
#define BUFFER_HEAD (sizeof(struct nbd_chunk) + sizeof(uint64_t))

/* Room for a header, then for data. */
struct buffer {
	uint8_t *bytes;
	size_t size; /* without the header's */
};

/* Where data begins, of `len` bytes at most. A larger buffer loses what was in it. */
uint8_t *buffer_data(struct buffer *b, size_t len);
/* Frees what one large request has taken. */
void buffer_trim(struct buffer *b);
void buffer_done(struct buffer *b);
