/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decompression in memory, for kernels and modules. The data's first bytes tell the
 * format.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* "gzip", "xz", …; NULL if the data are in no format that is known here. */
const char *decompress_format(const uint8_t *data, size_t len);

/* An error if more than `max` bytes come out. The caller frees *ret_data. */
int decompress_data(const uint8_t *data, size_t len, size_t max, uint8_t **ret_data,
	size_t *ret_len, struct error *err);
