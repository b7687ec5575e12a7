/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dynamic linker's list of libraries, /etc/ld.so.cache: no package has it, and a
 * library in a directory of /etc/ld.so.conf is found by it alone. The host's lists what
 * the host has; an appliance gets the part of it that is about libraries of its own.
 */
#pragma once

#include <stdbool.h>

#include "base/strbuf.h"

/* Whether the appliance has this file. */
typedef bool linker_cache_keep_fn(const char *path, void *data);

/*
 * Add to `ret` the list in `bytes` without the libraries that `keep` does not want. The
 * same libraries give the same bytes, whatever else the host has. 1: this is not a list
 * that we know (glibc's since 2.2, of a little-endian machine), and nothing was added.
 */
int linker_cache_reduce(const void *bytes, size_t len, linker_cache_keep_fn *keep,
	void *data, struct strbuf *ret);
