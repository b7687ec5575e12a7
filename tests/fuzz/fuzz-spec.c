/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as an input: its kind, its lines, and its patterns against each other. A
 * list's lines have to be what the kind promises.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "assemble/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spec spec = {0};
	struct error err;

	enum spec_kind kind = spec_recognise(data, size < SPEC_HEAD ? size : SPEC_HEAD);
	if (spec_parse(&spec, kind, (const char *)data, size, "fuzz", &err) == 0) {
		vector_foreach (path, &spec.hostfiles)
			if (**path != '/')
				abort();
		vector_foreach (name, &spec.packages)
			if (!**name || strchr(*name, '\n'))
				abort();
		/* fnmatch() may take exponential time: short ones only. */
		if (size < 200)
			vector_foreach (pattern, &spec.excludefiles)
				spec_excludes(&spec, *pattern);
	}
	spec_done(&spec);
	return 0;
}
