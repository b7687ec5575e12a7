/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Private to this folder: a stream that is being unpacked. Functions that take an entry
 * return UNPACK_REFUSED if only this entry can't be had, with the reason in `err`.
 */
#pragma once

#include "copy/copy.h"
#include "copy/place.h"
#include "copy/stream.h"

enum unpack_result {
	UNPACK_FAILED = -1,
	UNPACK_DONE = 0,
	UNPACK_REFUSED = 1,
};

struct unpack {
	const struct copy_unpack *request;
	struct stream stream;
	struct place place;

	/* The name of the top entry in the place. NULL: the stream's names are right. */
	char *as;
	/* What the stream calls it, "" for "."; NULL: no entry was there yet. */
	char *top;
	/* The destination ended in a slash. */
	bool only_directory;
	/* Where the current entry goes. */
	struct strbuf path;

	/* "device:inode" of what was made and is no directory. */
	struct strmap files;
	/* Bytes that may still come. */
	uint64_t left;
	/* For names of files that are not whole yet. */
	unsigned serial;
	bool no_xattrs;
	bool made_something;
	bool incomplete;
	unsigned complaints;
};

/* Say what of the entry is missing or not as it should be. */
void unpack_complain(struct unpack *u, const char *name, const char *what);
/* Take bytes off what may still come. */
int unpack_charge(struct unpack *u, uint64_t bytes, struct error *err);

/* Make what the entry is at u->path. */
enum unpack_result make_entry(
	struct unpack *u, struct archive_entry *e, struct error *err);
/* The same for a hard link to what is at `target`. */
enum unpack_result make_hardlink(struct unpack *u, const char *target, struct error *err);
