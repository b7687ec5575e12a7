/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cache as a store: kinds of things, each thing with a key.
 *
 * Most kinds are *sealed*: a thing is a directory with a manifest.json (manifest.h) that
 * names its files. It is published whole, by one rename after all of it is on the disk,
 * and never changed after that. A new kind is published like this:
 *
 *	turn_take(cache, "snapshot-KEY", …)	of all that want it one makes it (lock.h)
 *	if (store_hold(…)) …			another has made it while we waited: done
 *	draft_open(cache, &d)			a directory of our own; write files into d.fd
 *	json = manifest_new(word, KEY)		and what is to be known about them
 *	draft_publish(&d, KIND, KEY, json)	flush, digest, manifest, rename
 *	draft_done(&d), turn_give(&turn)	removes what was not published
 *
 * It is used like this:
 *
 *	store_hold(cache, KIND, KEY, &hold)	false: it is not there. It is not removed while a
 *	… hold.dir_fd, hold.manifest_fd …	process has hold.manifest_fd open, which may be
 *	store_release(&hold)			handed on and outlive its opener
 *
 * and a row in the table of kinds.c, from which listing, verifying and collecting know it.
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
	STORE_SNAPSHOTS,  /* a booted VM, to resume from */
	STORE_STATES,	  /* a VM in use, the same (states.h) */
	STORE_PARTS,	  /* one of the three, by what it is made of */
	STORE_REQUESTS, /* files: what was asked for ──► the appliance's key (request.h) */
	STORE_TEMPORARY, /* what is being made or removed */
	STORE_LOCKS,	 /* files: who has a turn (lock.h) */
	STORE_KINDS
};

/* Why something was not removed. */
enum store_removed {
	STORE_REMOVED,
	STORE_IN_USE,
	STORE_NO_LOCKS, /* the file system refuses locks: whether it is in use is not known */
	STORE_NOT_REMOVED,
};

/* Something in the cache, as store_survey() (collect.h) finds it. */
struct store_item {
	char *key;
	enum store_kind kind;
	/* On disk: all that it holds. */
	uint64_t bytes;
	/* The same, but of a file with N links an Nth: the shares add up to what is used. */
	double share;
	/* Seconds since 1970. */
	int64_t used;
	/* No other thing has a hard link to its files. */
	bool alone;
};

struct digests;

struct store_kind_info {
	/* "appliances" */
	const char *directory;
	/* "appliance" */
	const char *word;
	bool sealed;
	/* Is it removed when it was not used for long, or when there is too much? */
	bool ages;
	/* What it is for, in a line; the manifest is that of a sealed one. The caller frees. */
	char *(*describe)(
		const struct cache *cache, const char *key, const json_t *manifest);
	/* Why it is to be removed, however young; NULL if it stays. */
	const char *(*judge)(const struct cache *cache, const struct store_item *item);
	/* Is it as it was published? Reads all of it. */
	int (*verify)(const struct cache *cache, enum store_kind kind, const char *key,
		struct digests *digests, struct error *err);
	/* Unless it is in use. `force`: also if whether it is in use is not known. */
	enum store_removed (*remove)(const struct cache *cache, enum store_kind kind,
		const char *key, bool force);
};

extern const struct store_kind_info store_kinds[STORE_KINDS];

/* KIND/KEY, relative to the cache directory. Caller frees. */
char *store_path(enum store_kind kind, const char *key);
/* Sorted by name. What can't be read is empty. */
void store_list(const struct cache *cache, enum store_kind kind, struct strvec *ret_keys);
bool store_is_there(const struct cache *cache, enum store_kind kind, const char *key);
/* The manifest of a sealed thing, without holding it, or NULL. json_decref() it. */
json_t *store_manifest(const struct cache *cache, enum store_kind kind, const char *key);

/* ---- Using what is there ---- */

struct store_hold {
	int dir_fd;
	int manifest_fd;
};

#define STORE_HOLD_INIT          \
	{                        \
		.dir_fd = -1, -1 \
	}

/* Notes the use, to the minute. False: there is no such thing. */
bool store_hold(const struct cache *cache, enum store_kind kind, const char *key,
	struct store_hold *ret);
void store_release(struct store_hold *hold);

/* Something that is damaged, in use or not: its users have its files open. */
bool store_discard(const struct cache *cache, enum store_kind kind, const char *key);
/* A file, or a directory of files, relative to the cache directory. */
bool store_remove_path(const struct cache *cache, const char *path);

/* ---- Making something ---- */

struct draft {
	const struct cache *cache;
	/* temporary/NAME; NULL: none, or published */
	char *path;
	int fd;
	/* Its lock tells the draft from what a killed process has left. */
	struct turn turn;
};

int draft_open(const struct cache *cache, struct draft *ret, struct error *err);
/*
 * All files in it become the thing KEY. Those that the manifest names already have to be on
 * the disk; the others are flushed and entered. If another has published KEY meanwhile, that
 * one stays.
 */
int draft_publish(struct draft *d, enum store_kind kind, const char *key,
	json_t *manifest, struct error *err);
/* For a kind that is not sealed: the draft's file NAME becomes, or replaces, the thing KEY. */
int draft_publish_file(struct draft *d, const char *name, enum store_kind kind,
	const char *key, struct error *err);
void draft_done(struct draft *d);

#define CLEANUP_DRAFT CLEANUP(draft_done)
