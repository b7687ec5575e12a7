/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes as hexadecimal digits, and UUIDs, which are written that way. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HEX_DIGITS "0123456789abcdef"

/* 2 * len digits and a NUL. */
void hex_encode(const uint8_t *bytes, size_t len, char *ret);

#define UUID_LEN      16
#define UUID_TEXT_LEN 36

/* "0f0e0d0c-0b0a-0908-0706-050403020100" */
void uuid_format(const uint8_t uuid[static UUID_LEN], char ret[static UUID_TEXT_LEN + 1]);
