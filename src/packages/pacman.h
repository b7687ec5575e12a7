/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pacman's database, below ROOT/var/lib/pacman/local:
 *
 *	ALPM_DB_VERSION          9
 *	hello-1:1.2-3/desc       what the package is and needs    pacman-desc.c
 *	hello-1:1.2-3/files      its paths, and which of them are configuration
 *
 * pacman-depends.c knows versions and relations; pacman.c ties all together.
 */
#pragma once

#include "base/arena.h"
#include "base/strmap.h"
#include "packages/handler.h"
#include "packages/relation.h"

/* Larger files than this are nobody's package database. */
#define PACMAN_FILE_MAX ((size_t)64 * 1024 * 1024)

struct pacman_lines {
	const char **items;
	size_t len;
	size_t cap;
};

struct pacman_package {
	/* First: it is handed out as this. */
	struct package package;
	/* Its directory's name below local/. */
	const char *directory;
	struct pacman_lines depends, provides;
};

/*
 * Parse the text of desc, which is cut into lines in place; the package keeps them. `file` is
 * its name for errors. The caller frees the lists, even on failure.
 */
int pacman_desc_parse(
	char *text, const char *file, struct pacman_package *ret, struct error *err);
/* Parse the text of files, likewise, and append its paths, which go into the arena. */
int pacman_files_parse(struct arena *arena, char *text, const char *file,
	const struct package *package, struct package_files *ret, struct error *err);
void pacman_package_done(struct pacman_package *pkg);

/* Strings go into the arena. -1: it is no relation. */
int pacman_relation_parse(struct arena *arena, const char *text, struct relation *ret);
/* [epoch:]version[-release]; as strcmp(). Without a release on one side, any will do. */
int pacman_version_compare(const char *a, const char *b);
