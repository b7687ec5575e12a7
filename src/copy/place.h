/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Private to this folder: the directories below a destination. They are reached by
 * descriptors, one component at a time, and no link is followed. A directory that is made is
 * its owner's alone until place_finish() gives all of them their attributes, the innermost
 * first: entries that come later would change the times of a directory, or could not be made in
 * it any more.
 */
#pragma once

#include "base/arena.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "base/vector.h"
#include "copy/attributes.h"

struct place_directory {
	/* NULL: the base. */
	struct place_directory *parent;
	const char *name;
	dev_t dev;
	ino_t ino;
	/* We have made it. */
	bool made;
	/* `attributes` has been filled in, to be set in the end. */
	bool described;
	struct attributes attributes;
	/* ATTRIBUTES_ACCESS_ACL and ATTRIBUTES_DEFAULT_ACL. */
	void *acls[2];
	size_t acl_lens[2];
};

struct place {
	/* The destination, or the directory that it is in. */
	int base;
	struct arena arena;
	/* "device:inode" to directory: numbers that no stream can choose. */
	struct strmap known;
	VECTOR(struct place_directory *) directories;
	/* Where we are: a path below the base ("" for itself), its descriptor and directory. */
	struct strbuf path;
	int fd;
	struct place_directory *current;
	/* How many directories and entries may be made, and how many may still. */
	uint64_t max, left;
	/* One more was asked for. */
	bool exhausted;
	/* Bytes that are kept. */
	size_t acls_size;
};

/* Takes base. */
void place_init(struct place *p, int base, uint64_t max_entries);
void place_done(struct place *p);
/* Count one more entry. */
int place_count(struct place *p, struct error *err);
/* Go to the directory, of a path without "..", "." and double slashes; missing ones are made if
 * `make`. Then p->fd and p->current are the directory's. */
int place_enter(
	struct place *p, const char *path, size_t len, bool make, struct error *err);
/* Where we are gets these attributes in the end, and the ACLs of the entry. */
int place_describe(struct place *p, struct archive_entry *e,
	const struct attributes *attributes, struct error *err);
/* Give directories their attributes. Calls complain() for each that fails. */
void place_finish(struct place *p,
	void (*complain)(void *data, const char *path, const char *what), void *data);
