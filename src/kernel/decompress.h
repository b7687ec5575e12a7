/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One compressed block in memory to another: kernel payloads and modules. The format is
 * told by the block's own first bytes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* "gzip", "xz" …, or NULL for what is not compressed in a way that we know. */
const char *decompress_format(const uint8_t *data, size_t len);

/* What comes out is at most `max` bytes: more is an error. Caller frees. */
int decompress(const uint8_t *data, size_t len, size_t max, uint8_t **ret_data,
	size_t *ret_len, struct error *err);
