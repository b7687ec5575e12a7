/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding an entry by its request: what both halves know. Private to src/appliance.
 *
 * A request file is a row of NUL-terminated fields:
 *
 *	"hypermin-request 2"  KEY  KERNEL-VERSION  ROOT-UUID  { PATH  IDENTITY }...  ""
 *
 * The pairs are the answer's stamp (stamp.h). The empty field at the end shows that
 * nothing is missing.
 */
#pragma once

#include <stdint.h>

#include "appliance/appliance.h"
#include "appliance/stamp.h"

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

/* Publish: the request's answer is this entry. */
int entry_write(const struct cache *cache, const char *digest, const struct entry *e,
	const struct stamp *stamp, struct error *err);
