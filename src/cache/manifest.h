/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * manifest.json: what a directory in the cache, or an exported appliance, holds and what
 * it was made of.
 *
 *	{ "format": 2, "hypermin": VERSION, "kind": …, "key": …,
 *	  "files": { NAME: { "size": BYTES, "sha256": HEX, "identity": TEXT }, … },
 *	  … what its kind has to say … }
 *
 * "files" names all that is in the directory, except the manifest itself. The identity is
 * the file's inode and time of modification, so that a file that was changed in place is seen
 * without reading it; a copy has another one.
 *
 * A VM's RAM is too large to be read at each use. It has a digest of its pages (ram.h), and
 * its identity is the time of change, which can't be set back. (A file that things share by
 * hard links changes with each link.)
 *
 *	NAME: { "size": BYTES, "pages": HEX, "identity": TEXT }
 *
 * A reader trusts nothing in a manifest: it may come from another machine.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"
#include "cache/digests.h"

#define MANIFEST_NAME "manifest.json"
#define MANIFEST_MAX  (16 * 1024 * 1024)

static inline void cleanup_json(json_t **json)
{
	json_decref(*json);
}
#define CLEANUP_JSON CLEANUP(cleanup_json)

/* `kind` and `key` as in store.h. The caller adds the rest. */
json_t *manifest_new(const char *kind, const char *key);

/* Flush a file of the directory to the disk, and enter it. `where` is the directory's name,
 * for errors. */
int manifest_add_file(json_t *manifest, int dir_fd, const char *name, const char *where,
	struct error *err);
/* Enter a VM's RAM, which is on the disk. From now on its inode must not change. */
int manifest_add_ram(json_t *manifest, const char *name, int fd,
	const char pages[static SHA256_HEX_LEN + 1], struct error *err);
/* Enter a file as another manifest has it. */
void manifest_copy_file(json_t *manifest, const json_t *from, const char *name);
int manifest_write(
	const json_t *manifest, int dir_fd, const char *where, struct error *err);

/* Read it, and check that "files" has the form that it should have. */
int manifest_read(int dir_fd, const char *where, json_t **ret, struct error *err);
/* A field's text, or "". */
const char *manifest_text(const json_t *manifest, const char *field);

/* Is the open file the one that the manifest names? It is not read if it has an identity. */
int manifest_check_used(const json_t *manifest, const char *name, int fd,
	const char *where, struct error *err);
/* Is each file there, and of its size? */
int manifest_check_sizes(
	const json_t *manifest, int dir_fd, const char *where, struct error *err);
/* Open one of them, which it names, for reading, if it has the size there. */
int manifest_open_file(const json_t *manifest, int dir_fd, const char *name,
	const char *where, struct error *err);
/* Is each file as it was? One whose identity is another is read. */
int manifest_check(
	const json_t *manifest, int dir_fd, const char *where, struct error *err);
/* Does each also hold what it was made with? */
int manifest_check_digests(const json_t *manifest, int dir_fd, struct digests *digests,
	const char *where, struct error *err);
/* Is nothing else in the directory? */
int manifest_check_others(
	const json_t *manifest, int dir_fd, const char *where, struct error *err);
/* A file name may hold any bytes; JSON holds UTF-8: null if it can't be said. */
json_t *manifest_string(const char *s);
