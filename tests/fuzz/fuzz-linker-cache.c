/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as the dynamic linker's list. What comes out must be one that is
 * understood. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "build/linker-cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool keep_some(const char *path, void *data)
{
	(void)data;
	return strlen(path) % 2 == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_STRBUF struct strbuf once = {0}, twice = {0};

	if (linker_cache_reduce(data, size, keep_some, NULL, &once) == 0 &&
		(linker_cache_reduce(once.data, once.len, keep_some, NULL, &twice) != 0 ||
			once.len != twice.len ||
			memcmp(once.data, twice.data, once.len) != 0))
		abort();
	return 0;
}
