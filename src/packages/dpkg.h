/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dpkg's database, below ROOT/var/lib/dpkg:
 *
 *	status, updates/NNNN      dpkg-status.c        stanzas ──► struct dpkg_package
 *	                          dpkg-depends.c       "a (>= 1) | b" ──► struct dpkg_relation
 *	info/NAME[:ARCH].list,    dpkg-files.c         what a package's paths are
 *	diversions
 *	alternatives/NAME         dpkg-alternatives.c  links that no package lists
 *
 * dpkg.c ties them together.
 */
#pragma once

#include "base/arena.h"
#include "base/strmap.h"
#include "packages/handler.h"

/* Larger files than this are nobody's package database. */
#define DPKG_FILE_MAX ((size_t)256 * 1024 * 1024)

enum dpkg_multi_arch {
	DPKG_MULTI_ARCH_NO,
	DPKG_MULTI_ARCH_SAME,	 /* installable once for each architecture */
	DPKG_MULTI_ARCH_FOREIGN, /* satisfies dependencies of any architecture */
	DPKG_MULTI_ARCH_ALLOWED, /* satisfies those that say ":any" */
};

struct dpkg_package {
	struct package package; /* first: handed out as this */
	bool installed;
	enum dpkg_multi_arch multi_arch;
	/* Fields as they are in the database, or NULL. */
	const char *depends;
	const char *pre_depends;
	const char *provides;
	const char *conffiles;
	struct dpkg_package *same_name; /* of another architecture */
};

struct dpkg_packages {
	struct dpkg_package **items;
	size_t len;
	size_t cap;
};

/* A package that provides a name, in a list of them. */
struct dpkg_provider {
	const struct dpkg_package *package;
	const char *version; /* NULL: satisfies no dependency that names one */
	struct dpkg_provider *next;
};

struct dpkg_db {
	char *root;
	struct arena arena;
	struct dpkg_packages packages; /* the installed ones, by index */
	struct strmap by_name;	   /* ──► struct dpkg_package, its same_name list */
	struct strmap by_provided; /* ──► struct dpkg_provider list */
	const char *native_arch;
};

enum dpkg_operator {
	DPKG_ANY_VERSION,
	DPKG_EARLIER,
	DPKG_EARLIER_OR_EQUAL,
	DPKG_EQUAL,
	DPKG_LATER_OR_EQUAL,
	DPKG_LATER,
};

struct dpkg_relation {
	const char *name;
	const char *arch; /* behind the colon, or NULL */
	enum dpkg_operator op;
	const char *version; /* NULL with DPKG_ANY_VERSION */
	bool or_next;	     /* the next relation is an alternative to this one */
};

/* Append the stanzas of a status file. `file` is its name for errors. */
int dpkg_status_parse(struct arena *arena, const char *text, size_t len, const char *file,
	struct dpkg_packages *ret, struct error *err);

/*
 * Take one relation off a field's text: 1 and *ret, or 0 at its end. Strings are put in
 * the arena.
 */
int dpkg_relation_next(struct arena *arena, const char **text, struct dpkg_relation *ret,
	struct error *err);
/* Does a version satisfy the relation? NULL is no version. */
bool dpkg_version_satisfies(const char *version, const struct dpkg_relation *relation);
/* epoch:upstream-revision */
int dpkg_version_compare(const char *a, const char *b);

/* Which paths are diverted; the strings are the database's. */
struct dpkg_diversions {
	struct strmap by_path; /* ──► struct dpkg_diversion */
};

int dpkg_diversions_read(
	struct dpkg_db *db, struct dpkg_diversions *ret, struct error *err);
void dpkg_diversions_done(struct dpkg_diversions *d);

/* Append the paths that the package's own list holds, where diversions have put them. */
int dpkg_files_read(struct dpkg_db *db, const struct dpkg_package *pkg,
	const struct dpkg_diversions *diversions, struct package_files *ret,
	struct error *err);

/* Append the alternatives' links that lead to one of the files, which are sorted. */
int dpkg_alternatives_read(
	struct dpkg_db *db, struct package_files *files, struct error *err);
