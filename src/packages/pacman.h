/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pacman's database, below ROOT/var/lib/pacman/local:
 *
 *	ALPM_DB_VERSION          9
 *	hello-1:1.2-3/desc       what the package is and needs    pacman-desc.c
 *	hello-1:1.2-3/files      its paths, and which of them are configuration
 *
 * Versions and what relations say of them are pacman-depends.c's; pacman.c ties them
 * together.
 */
#pragma once

#include "base/arena.h"
#include "base/strmap.h"
#include "packages/handler.h"

/* Larger files than this are nobody's package database. */
#define PACMAN_FILE_MAX ((size_t)64 * 1024 * 1024)

struct pacman_lines {
	const char **items;
	size_t len;
	size_t cap;
};

struct pacman_package {
	struct package package; /* first: handed out as this */
	const char *directory;	/* its name below local/ */
	struct pacman_lines depends, provides;
};

enum pacman_operator {
	PACMAN_ANY_VERSION,
	PACMAN_EARLIER,
	PACMAN_EARLIER_OR_EQUAL,
	PACMAN_EQUAL,
	PACMAN_LATER_OR_EQUAL,
	PACMAN_LATER,
};

/* "bash>=4" */
struct pacman_relation {
	const char *name;
	enum pacman_operator op;
	const char *version; /* NULL with PACMAN_ANY_VERSION */
};

/*
 * The text of desc: cut into lines in place, which the package keeps. `file` is its name
 * for errors. The lists are the caller's to free, even on failure.
 */
int pacman_desc_parse(
	char *text, const char *file, struct pacman_package *ret, struct error *err);
/* The text of files, likewise: append its paths, which go into the arena. */
int pacman_files_parse(struct arena *arena, char *text, const char *file,
	const struct package *package, struct package_files *ret, struct error *err);
void pacman_package_done(struct pacman_package *pkg);

/* Strings go into the arena. -1: it is no relation. */
int pacman_relation_parse(
	struct arena *arena, const char *text, struct pacman_relation *ret);
/* Does a version satisfy the relation? NULL is no version. */
bool pacman_version_satisfies(
	const char *version, const struct pacman_relation *relation);
/* [epoch:]version[-release]; as strcmp(). Without a release on one side, any will do. */
int pacman_version_compare(const char *a, const char *b);
