/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SHA-256 by nettle, which uses the processor's instructions for it. A file's digest is
 * the one that sha256sum(1) prints. Keys are digests of rows of fields:
 *
 *	struct sha256 key;
 *	sha256_start(&key);
 *	sha256_add_string(&key, "kernel");	its length, then its bytes
 *	sha256_end_hex(&key, hex);
 */
#pragma once

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SHA256_LEN     32
#define SHA256_HEX_LEN 64

struct sha256 {
	struct sha256_ctx state;
};

void sha256_start(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);
/* Eight bytes, little-endian. */
void sha256_add_number(struct sha256 *s, uint64_t number);
/* The length in front of the bytes keeps fields from running into each other. */
void sha256_add_field(struct sha256 *s, const void *data, size_t len);
void sha256_add_string(struct sha256 *s, const char *text);
/* The digest of a whole file, as a string. */
int sha256_add_file(struct sha256 *s, const char *path, struct error *err);

void sha256_end(struct sha256 *s, uint8_t ret[static SHA256_LEN]);
void sha256_end_hex(struct sha256 *s, char ret[static SHA256_HEX_LEN + 1]);

/* The digest of a whole file, whose position stays where it is. -1 with errno set. */
int sha256_file(int fd, char ret[static SHA256_HEX_LEN + 1]);

bool sha256_is_hex(const char *s);
