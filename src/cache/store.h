/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cache as a store: kinds of things, each thing with a key.
 *
 * Most kinds are *sealed*: a thing is a directory with a manifest.json (manifest.h) that
 * names its files. It is published whole, by one rename after all of it is on the disk,
 * and never changed after that. So is how a kind of one's own is published:
 *
 *	turn_take(cache, "snapshot-KEY", …)	of many who want it one makes it (lock.h);
 *	store_hold(…) == 0?			another may have, while we waited: done
 *	draft_open(cache, &d)			a directory of our own; write files into d.fd
 *	json = manifest_new(word, KEY)		and what is to be known about them
 *	draft_publish(&d, KIND, KEY, json)	flush, digest, manifest, rename
 *	draft_done(&d), turn_give(&turn)	removes what was not published
 *
 * and used:
 *
 *	store_hold(cache, KIND, KEY, &hold)	1: it is not there. It will not be removed while
 *	… hold.dir_fd, hold.manifest_fd …	a process has hold.manifest_fd open: it may be
 *	store_release(&hold)			handed on and outlive its opener
 *
 * and a row in the table of store.c, so that listing, verifying and collecting know it.
 * If what is in it is of use with one appliance only, its manifest says "appliance": KEY,
 * and it goes when that goes.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/vector.h"
#include "cache/cache.h"
#include "cache/lock.h"

enum store_kind {
	STORE_APPLIANCES, /* kernel, initrd, root: hard links to the parts */
	STORE_SNAPSHOTS,  /* a booted VM, to go on from */
	STORE_PARTS,	  /* one of the three, by what it is made of */
	STORE_REQUESTS, /* files: what was asked for ──► the appliance's key (entry.h) */
	STORE_TEMPORARY, /* what is being made or removed */
	STORE_LOCKS,	 /* files: who has a turn (lock.h) */
	STORE_KINDS
};

struct store_kind_info {
	const char *directory; /* "appliances" */
	const char *word;      /* "appliance" */
	bool sealed;
	/* Sealed: are the files' contents recorded? Reading them costs a second a
	 * gigabyte. */
	bool digests;
	/* Sealed: is it removed when it has not been used for long, or there is too
	 * much? */
	bool ages;
};

extern const struct store_kind_info store_kinds[STORE_KINDS];

/* KIND/KEY, relative to the cache directory. Caller frees. */
char *store_path(enum store_kind kind, const char *key);
/* Sorted by name. What can't be read is empty. */
void store_list(const struct cache *cache, enum store_kind kind, struct strvec *ret_keys);

/* ---- Using what is there ---- */

struct store_hold {
	int dir_fd;
	int manifest_fd;
};

#define STORE_HOLD_INIT          \
	{                        \
		.dir_fd = -1, -1 \
	}

/* Notes the use, to the minute. 1: there is no such thing. */
int store_hold(const struct cache *cache, enum store_kind kind, const char *key,
	struct store_hold *ret);
void store_release(struct store_hold *hold);

enum store_removed {
	STORE_REMOVED,
	STORE_IN_USE,
	STORE_NO_LOCKS, /* the file system refuses locks: it can't be told */
	STORE_NOT_REMOVED,
};

/* Unless it is in use. `force`: where that can't be told, too. */
enum store_removed store_remove(
	const struct cache *cache, enum store_kind kind, const char *key, bool force);
/* A sealed one that is damaged, in use or not: its users have its files open. */
bool store_discard(const struct cache *cache, enum store_kind kind, const char *key);
/* A file, or a directory of files, relative to the cache directory. */
bool store_remove_path(const struct cache *cache, const char *path);

/* ---- Making something ---- */

struct draft {
	const struct cache *cache;
	char *path; /* temporary/NAME; NULL: none, or published */
	int fd;
	struct turn turn; /* tells it from what a killed process has left */
};

int draft_open(const struct cache *cache, struct draft *ret, struct error *err);
/*
 * All files in it become the thing KEY; those that the manifest names already are taken
 * as they are, and have to be on the disk. 1: somebody else has published it meanwhile.
 */
int draft_publish(struct draft *d, enum store_kind kind, const char *key,
	json_t *manifest, struct error *err);
/* The same for a kind of plain files: the draft's file NAME. It replaces an older one. */
int draft_publish_file(struct draft *d, const char *name, enum store_kind kind,
	const char *key, struct error *err);
void draft_done(struct draft *d);

#define CLEANUP_DRAFT CLEANUP(draft_done)
