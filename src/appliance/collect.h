/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Removing what nobody will use again. Call with the cache's lock held. Private to
 * src/appliance. */
#pragma once

#include "appliance/appliance.h"

/* A directory of plain files in the cache, with all in it. Nothing, if there is none. */
void collect_remove(int cache_fd, const char *name);
/* Directories of builders that were killed. */
void collect_abandoned(int cache_fd);
/* The entry of this key, or what is left of it. */
void collect_entry(int cache_fd, const char *key);
/* Outdated requests that nobody has made for long; entries that no request leads to any
 * more, and that no VM holds. */
void collect_unused(const struct cache *cache);
