/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dynamic linker's list of libraries, /etc/ld.so.cache. No package contains it, and
 * only by it the linker finds libraries in directories of /etc/ld.so.conf. The host's file
 * lists the host's libraries; an appliance gets the entries of those that it has.
 */
#pragma once

#include <stdbool.h>

#include "base/strbuf.h"

/* Whether the appliance has this file. */
typedef bool linker_cache_keep_fn(const char *path, void *data);

/*
 * Append to `ret` the list in `bytes`, reduced to the libraries for which `keep` is true.
 * The result depends on these entries alone. 1: the format is unknown (known is that of
 * glibc since 2.2 on little-endian machines), and nothing was appended.
 */
int linker_cache_reduce(const void *bytes, size_t len, linker_cache_keep_fn *keep,
	void *data, struct strbuf *ret);
