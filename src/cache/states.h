/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Saved states: a kind of the store whose keys are names of the user's. Each has all that a
 * VM takes which goes on from it:
 *
 *	ram, state   a snapshot (snapshots.h)
 *	root         the root disk, as the appliance has it
 *	disk0, …     what the VM's writable disks held
 *	manifest     and what its maker says of the VM
 *
 * They are the user's, so nothing but states_remove() removes one.
 */
#pragma once

#include "cache/snapshots.h"
#include "cache/store.h"

struct state {
	char *directory; /* path */
	json_t *manifest;
	struct snapshot_files files;
	struct store_hold hold;
};

#define STATE_INIT                                         \
	{                                                  \
		.files = {-1, -1}, .hold = STORE_HOLD_INIT \
	}

/* The path of one of its files: a new string. */
char *state_file(const struct state *s, const char *name);
void state_done(struct state *s);

bool states_has(const struct cache *cache, const char *name);
/* It stays until state_done(), at least. ENOENT: there is none. */
int states_open(const struct cache *cache, const char *name, struct state *ret,
	struct error *err);
/* Add copies of the files to a draft that has all others, and publish it. `manifest`
 * says the rest. EEXIST: there is one of this name. */
int states_publish(struct draft *d, const char *name, const struct snapshot_files *files,
	json_t *manifest, struct error *err);
/* ENOENT: there is none. EBUSY: a VM that goes on from it runs. */
int states_remove(const struct cache *cache, const char *name, struct error *err);
