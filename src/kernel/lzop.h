/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lzop's files, as kernels are packed with CONFIG_KERNEL_LZO. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define LZOP_MAGIC "\x89LZO\0\r\n\x1a\n"

/* As decompress(). An error too where liblzo2 is not installed. */
int lzop_unpack(const uint8_t *data, size_t len, size_t max, uint8_t **ret_data,
	size_t *ret_len, struct error *err);
