/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as pacman's description of a package and as its list of files, and the
 * relations of what comes out. Versions must be ordered the same way from both sides.
 */
#include <stdint.h>
#include <stdlib.h>

#include "packages/pacman.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_order(const char *a, const char *b)
{
	int there = pacman_version_compare(a, b);
	int back = pacman_version_compare(b, a);

	if ((there < 0) != (back > 0) || (there > 0) != (back < 0) ||
		pacman_version_compare(a, a) != 0)
		abort();
}

static void read_relations(struct arena *arena, const struct pacman_lines *lines)
{
	const char *previous = "1:2.3-4";

	vector_foreach (line, lines) {
		struct relation rel;
		if (pacman_relation_parse(arena, *line, &rel) < 0 || !rel.version)
			continue;
		check_order(previous, rel.version);
		relation_holds(&rel, previous, pacman_version_compare);
		previous = rel.version;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_done) struct arena arena = {0};
	CLEANUP(pacman_package_done) struct pacman_package pkg = {0};
	CLEANUP(package_files_done) struct package_files files = {0};
	struct error err;

	pacman_desc_parse(
		arena_strndup(&arena, (const char *)data, size), "fuzz", &pkg, &err);
	read_relations(&arena, &pkg.depends);
	read_relations(&arena, &pkg.provides);
	pacman_files_parse(&arena, arena_strndup(&arena, (const char *)data, size),
		"fuzz", &pkg.package, &files, &err);
	package_files_sort(&files);
	return 0;
}
