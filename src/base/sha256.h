/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SHA-256 of whole files and of rows of fields. A file's digest is the one that
 * sha256sum(1) prints; on processors that have instructions for it, it costs little more
 * than reading.
 */
#pragma once

#include <sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX_LEN 64

/* Add `len` bytes to a digest that SHA256Init() began. */
void sha256_add(SHA2_CTX *ctx, const void *data, size_t len);
/* The same with their number in front: fields can't run into each other. */
void sha256_add_field(SHA2_CTX *ctx, const void *data, size_t len);
void sha256_add_string(SHA2_CTX *ctx, const char *s);
void sha256_end(SHA2_CTX *ctx, char ret_hex[static SHA256_HEX_LEN + 1]);

/* From the file's beginning to its end, without moving its position. -1 with errno
 * set. */
int sha256_file(int fd, char ret_hex[static SHA256_HEX_LEN + 1]);

bool sha256_is_hex(const char *s);
void hex_encode(const uint8_t *bytes, size_t len, char *ret);
