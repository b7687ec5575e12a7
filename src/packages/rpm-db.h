/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the rpm handler share, in a build with librpm. */
#pragma once

#include "base/arena.h"
#include "base/replace.h"
#include "base/strmap.h"
#include "packages/names.h"
#include "packages/rpm-library.h"
#include "packages/rpm.h"

struct rpm_package {
	/* First: it is handed out as this. */
	struct package package;
	/* Its number in the database. */
	unsigned instance;
};

struct rpm_db {
	char *root;
	/* Of the database, below the root. */
	const char *directory;
	rpmts ts;
	/* Strings of dependencies. A pool of librpm's own takes no new ones, which rich
	 * dependencies need. */
	rpmstrPool pool;
	struct arena arena;
	/* By index. */
	struct {
		struct rpm_package **items;
		size_t len;
		size_t cap;
	} packages;
	struct names names;
	/* The number as text ──► struct rpm_package */
	struct strmap by_instance;
	/* A dependency's text ──► struct package_set of those that satisfy it */
	struct strmap satisfied;
};

struct rpm_db *rpm_db_open(const char *root, struct error *err);
void rpm_db_close(struct rpm_db *db);

/* Fails if librpm has logged an error: its functions skip damaged headers. */
int rpm_db_check(const struct rpm_db *db, struct error *err);
/* The package of a header, or NULL: keys are in the database too. */
const struct package *rpm_db_package(const struct rpm_db *db, Header h);

/* rpm-depends.c: append one package for each thing that the dependency asks for. `depender`
 * may be NULL. False if nothing installed satisfies it. */
bool rpm_satisfy(struct rpm_db *db, const struct package *depender, rpmds dependency,
	struct package_set *ret);

/* rpm-copy.c: copy a database in sqlite's format to ret->temporary. replacement_done()
 * removes the copy; files of it that are open stay readable. */
int rpm_copy_begin(const char *directory, struct replacement *ret, struct error *err);
