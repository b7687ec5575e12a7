/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Removing what nobody will use again. Call with the cache's lock held. Private to
 * src/appliance. */
#pragma once

#include <stdbool.h>

/* Is the entry of this key there, whole? */
bool collect_exists(int cache_fd, const char *key);
/* A directory of plain files, with all in it. */
void collect_remove(int cache_fd, const char *name);
/* Directories of builders that were killed. */
void collect_abandoned(int cache_fd);
/* Entries that no request leads to any more, and that no VM holds. */
void collect_unused(int cache_fd);
