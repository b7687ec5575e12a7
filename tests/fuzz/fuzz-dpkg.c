/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as dpkg's status file, the relations of what comes out of it, and the same
 * bytes as one relation field. Versions must be ordered the same way from both sides.
 */
#include <stdint.h>
#include <stdlib.h>

#include "packages/dpkg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_order(const char *a, const char *b)
{
	int there = dpkg_version_compare(a, b);
	int back = dpkg_version_compare(b, a);

	if ((there < 0) != (back > 0) || (there > 0) != (back < 0) ||
		dpkg_version_compare(a, a) != 0)
		abort();
}

static void read_relations(struct arena *arena, const char *text)
{
	struct relation rel;
	const char *previous = "1:2.3-4";

	while (text && dpkg_relation_next(arena, &text, &rel, NULL) > 0) {
		if (!rel.version)
			continue;
		check_order(previous, rel.version);
		relation_holds(&rel, previous, dpkg_version_compare);
		previous = rel.version;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_done) struct arena arena = {0};
	struct dpkg_packages packages = {0};
	struct error err;

	dpkg_status_parse(&arena, (const char *)data, size, "fuzz", &packages, &err);
	vector_foreach (pkg, &packages) {
		read_relations(&arena, (*pkg)->depends);
		read_relations(&arena, (*pkg)->pre_depends);
		read_relations(&arena, (*pkg)->provides);
	}
	read_relations(&arena, arena_strndup(&arena, (const char *)data, size));
	vector_done(&packages);
	return 0;
}
