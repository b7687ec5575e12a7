/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dpkg's database, below ROOT/var/lib/dpkg:
 *
 *	status, updates/NNNN      dpkg-status.c        stanzas ──► struct dpkg_package
 *	                          dpkg-depends.c       "a (>= 1) | b" ──► struct relation
 *	info/NAME[:ARCH].list,    dpkg-files.c         a package's paths
 *	diversions
 *	alternatives/NAME         dpkg-alternatives.c  links that no package lists
 *
 * dpkg.c ties them together.
 */
#pragma once

#include "base/arena.h"
#include "base/strmap.h"
#include "packages/handler.h"
#include "packages/names.h"
#include "packages/relation.h"

/* Larger files than this are nobody's package database. */
#define DPKG_FILE_MAX ((size_t)256 * 1024 * 1024)

enum dpkg_multi_arch {
	DPKG_MULTI_ARCH_NO,
	/* May be installed once for each architecture. */
	DPKG_MULTI_ARCH_SAME,
	/* Satisfies dependencies of any architecture. */
	DPKG_MULTI_ARCH_FOREIGN,
	/* Satisfies those that say ":any". */
	DPKG_MULTI_ARCH_ALLOWED,
};

struct dpkg_package {
	/* First: it is handed out as this. */
	struct package package;
	bool installed;
	enum dpkg_multi_arch multi_arch;
	/* Fields as in the database, or NULL. */
	const char *depends;
	const char *pre_depends;
	const char *provides;
	const char *conffiles;
};

struct dpkg_packages {
	struct dpkg_package **items;
	size_t len;
	size_t cap;
};

struct dpkg_db {
	char *root;
	struct arena arena;
	/* The installed ones, by index. */
	struct dpkg_packages packages;
	struct names names;
	/* By path ──► struct dpkg_diversion */
	struct strmap diversions;
};

/* Append the stanzas of a status file. `file` is its name for errors. */
int dpkg_status_parse(struct arena *arena, const char *text, size_t len, const char *file,
	struct dpkg_packages *ret, struct error *err);

/*
 * Take one relation off the front of a field's text: 1 and *ret, or 0 at its end. Strings
 * are put in the arena.
 */
int dpkg_relation_next(
	struct arena *arena, const char **text, struct relation *ret, struct error *err);
/* epoch:upstream-revision */
int dpkg_version_compare(const char *a, const char *b);

/* Fill db->diversions. */
int dpkg_diversions_read(struct dpkg_db *db, struct error *err);

/* Append a package's files, where they are if only the set's packages are installed. */
int dpkg_files_read(struct dpkg_db *db, const struct dpkg_package *pkg,
	const struct package_set *set, struct package_files *ret, struct error *err);

/* Append the alternatives' links that lead to one of the files, which are sorted. */
int dpkg_alternatives_read(
	struct dpkg_db *db, struct package_files *files, struct error *err);
