/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding an entry by its request: what both halves know. Private to src/appliance.
 *
 * A request file is a row of NUL-terminated fields:
 *
 *	"hypermin-request 1"  KEY  KERNEL-VERSION  ROOT-UUID  { PATH  IDENTITY }...
 *
 * IDENTITY is what stat() said of the path when the answer was made, as text. As long as
 * it says the same of all of them, the answer stands.
 */
#pragma once

#include <stdint.h>

#include "appliance/appliance.h"
#include "base/strbuf.h"

#define ENTRY_KEY_LEN 64 /* hex digits of a SHA-256 */

struct entry {
	char key[ENTRY_KEY_LEN + 1];
	char *kernel_version;
	char root_uuid[37];
};

/* The name of the request's file: a digest over all that is asked for, and our
 * version. */
void entry_request_digest(
	const struct appliance_request *request, char ret[static ENTRY_KEY_LEN + 1]);

/* 0: found, and its stamp fits. 1: build. */
int entry_find(const struct cache *cache, const char *digest, struct entry *ret);
void entry_done(struct entry *e);

/* Start a request file's stamp part; then add each path, before anything is read from
 * it. */
void entry_stamp_add(struct strbuf *stamp, const char *path);
/* Publish: the request's answer is this entry. */
int entry_write(const struct cache *cache, const char *digest, const struct entry *e,
	const struct strbuf *stamp, struct error *err);

void entry_hex(const uint8_t *bytes, size_t len, char *ret);
