/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The functions in the rows of kinds.c; store.h says what each is for. */
#pragma once

#include "cache/store.h"

/* store.c */
enum store_removed store_remove_sealed(
	const struct cache *cache, enum store_kind kind, const char *key, bool force);
enum store_removed store_remove_file(
	const struct cache *cache, enum store_kind kind, const char *key, bool force);
enum store_removed store_remove_temporary(
	const struct cache *cache, enum store_kind kind, const char *key, bool force);
enum store_removed store_remove_lock(
	const struct cache *cache, enum store_kind kind, const char *key, bool force);

/* verify.c */
int store_verify_sealed(const struct cache *cache, enum store_kind kind, const char *key,
	struct digests *digests, struct error *err);

/* request.c */
char *request_describe(
	const struct cache *cache, const char *key, const json_t *manifest);
const char *request_judge(const struct cache *cache, const struct store_item *item);
int request_verify(const struct cache *cache, enum store_kind kind, const char *key,
	struct digests *digests, struct error *err);

/* states.c */
char *states_describe(const struct cache *cache, const char *key, const json_t *manifest);

/* snapshots.c */
char *snapshots_describe(
	const struct cache *cache, const char *key, const json_t *manifest);
const char *snapshots_judge(const struct cache *cache, const struct store_item *item);
