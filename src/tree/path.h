/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tree_add_path() remembers of the paths it has added. */
#pragma once

struct path_cache;

void path_cache_free(struct path_cache *c);
