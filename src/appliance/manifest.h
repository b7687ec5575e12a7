/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* manifest.json: what an entry was made of. Private to src/appliance. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "appliance/contents.h"

#define MANIFEST_MAX (16 * 1024 * 1024)

/* A new string. */
char *manifest_text(const struct contents *c, const char *key, const char *root_uuid);
/* False if the text is no manifest of ours. */
bool manifest_read_uuid(const char *text, size_t len, char ret[static 37]);
