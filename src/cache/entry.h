/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding an entry by its request: what both the library and the builder know.
 *
 * A request file is a row of NUL-terminated fields:
 *
 *	"hypermin-request 4"  KEY  KERNEL-VERSION  ROOT-UUID  ROUTE  SIZES  { PATH  IDENTITY }...  ""
 *
 * SIZES are those of the entry's parts, as a check that costs next to nothing. The pairs
 * are the answer's stamp (stamp.h). The empty field at the end shows that nothing is
 * missing.
 */
#pragma once

#include <stdint.h>

#include "base/sha256.h"
#include "cache/stamp.h"
#include "cache/store.h"

/* The files of an appliance, besides its manifest. */
enum entry_part { ENTRY_KERNEL, ENTRY_INITRD, ENTRY_ROOT, ENTRY_PARTS };
extern const char *const entry_parts[ENTRY_PARTS];

struct entry {
	char key[SHA256_HEX_LEN + 1];
	char *kernel_version;
	char *route; /* the name of the one taken */
	char root_uuid[37];
	uint64_t sizes[ENTRY_PARTS];
};

/* 1: there is none of its key, or not all of it. */
int entry_hold(const struct cache *cache, const struct entry *e, struct store_hold *ret);

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
