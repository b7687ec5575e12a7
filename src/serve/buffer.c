/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "serve/buffer.h"

#include "base/mem.h"
#include "serve/serve.h"

uint8_t *buffer_data(struct buffer *b, size_t len)
{
	if (!b->bytes || len > b->size) {
		free(b->bytes);
		b->bytes = xmalloc(BUFFER_HEAD + len);
		b->size = len;
	}
	return b->bytes + BUFFER_HEAD;
}

void buffer_trim(struct buffer *b)
{
	if (b->size > SERVE_AHEAD)
		buffer_done(b);
}

void buffer_done(struct buffer *b)
{
	free(b->bytes);
	*b = (struct buffer){0};
}
