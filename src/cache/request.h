/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests: from what was asked for to the appliance that answers it. The library finds a
 * request's file by the digest of what is asked for; the builder writes it. It is a row of
 * NUL-terminated fields:
 *
 *	"hypermin-request 6"  KEY  KERNEL-VERSION  ROOT-UUID  ROUTE  PARTS  { PATH  IDENTITY }...  ""
 *
 * PARTS has the size, inode and time of modification of each of the appliance's parts: those
 * that were changed in place are not used, and to look costs next to nothing. The pairs
 * are the answer's stamp (stamp.h). The empty field at the end shows that nothing is missing.
 */
#pragma once

#include <stdint.h>

#include "base/sha256.h"
#include "cache/stamp.h"
#include "cache/store.h"

/* The files of an appliance, besides its manifest. */
enum entry_part { ENTRY_KERNEL, ENTRY_INITRD, ENTRY_ROOT, ENTRY_PARTS };
extern const char *const entry_parts[ENTRY_PARTS];

/* An appliance in the cache, as a request's file tells of it. */
struct entry {
	char key[SHA256_HEX_LEN + 1];
	char *kernel_version;
	/* The name of the route that it was made for. */
	char *route;
	char root_uuid[37];
	/* What entry_look() said of its parts. */
	char *parts;
	/* Of one that was found: the request's file, and the stamp in it. */
	char *bytes;
	const char *fields;
	size_t fields_len;
};

/* The sizes and identities of the parts in an appliance's directory, as a text; NULL if one
 * is missing. Caller frees. */
char *entry_look(int dir_fd);
/* False: there is none of its key, or its parts are not those that it had. */
bool entry_hold(const struct cache *cache, const struct entry *e, struct store_hold *ret);

enum request_found {
	/* The few paths of the stamp fit (stamp_few_fit()). */
	REQUEST_FITS,
	/* Something has changed since, perhaps nothing that matters. */
	REQUEST_OUTDATED,
	/* It was never asked for, or the file is damaged. */
	REQUEST_MISSING,
};

/* *ret is not written if it is missing. */
enum request_found request_find(
	const struct cache *cache, const char *digest, struct entry *ret);
void entry_done(struct entry *e);
/* Whether all of the stamp fits. */
bool entry_fits(const struct entry *e);
/* The same by a thread, for one that was found to fit. */
struct stamp_check *entry_check_start(struct entry *e);

/* Publish the request's file: this appliance is its answer. */
int request_write(const struct cache *cache, const char *digest, const struct entry *e,
	const struct stamp *stamp, struct error *err);
