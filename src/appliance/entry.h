/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding an entry by its request: what both halves know. Private to src/appliance.
 *
 * A request file is a row of NUL-terminated fields:
 *
 *	"hypermin-request 3"  KEY  KERNEL-VERSION  ROOT-UUID  ROUTE  { PATH  IDENTITY }...  ""
 *
 * IDENTITY is what stat() said of the path when the answer was made, as text. As long as
 * it says the same of all of them, the answer stands. The empty field at the end shows
 * that nothing is missing.
 */
#pragma once

#include <stdint.h>
#include <time.h>

#include "appliance/appliance.h"
#include "base/strbuf.h"

#define ENTRY_KEY_LEN 64 /* hex digits of a SHA-256 */

struct entry {
	char key[ENTRY_KEY_LEN + 1];
	char *kernel_version;
	char *route; /* NULL: the only one */
	char root_uuid[37];
};

/* The name of the request's file: a digest over all that is asked for, and our
 * version. */
void entry_request_digest(
	const struct appliance_request *request, char ret[static ENTRY_KEY_LEN + 1]);

/* The files of an entry; NULL-terminated. */
extern const char *const entry_parts[];
/* Are all of them in this directory? */
bool entry_is_whole(int dir_fd);
/* The entry's directory; -1 if there is none that is whole. */
int entry_open(const struct cache *cache, const char *key);

enum entry_found {
	ENTRY_FITS,
	ENTRY_OUTDATED, /* something has changed since, perhaps nothing that matters */
	ENTRY_MISSING,	/* never asked for, or the file is damaged */
};

/* Nothing is returned where it is missing. */
enum entry_found entry_find(
	const struct cache *cache, const char *digest, struct entry *ret);
void entry_done(struct entry *e);

/*
 * What an answer depends on. A path that changes after the start, whether before or after
 * it was read and added, gets an identity that nothing fits: then the next one to ask
 * looks again.
 */
struct entry_stamp {
	struct strbuf fields;
	struct timespec start;
};

void entry_stamp_start(struct entry_stamp *stamp);
void entry_stamp_add(struct entry_stamp *stamp, const char *path);
void entry_stamp_done(struct entry_stamp *stamp);

/* Publish: the request's answer is this entry. */
int entry_write(const struct cache *cache, const char *digest, const struct entry *e,
	const struct entry_stamp *stamp, struct error *err);

void entry_hex(const uint8_t *bytes, size_t len, char *ret);
