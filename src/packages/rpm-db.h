/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the rpm handler share, in a build with librpm. */
#pragma once

#include "base/arena.h"
#include "base/replace.h"
#include "base/strmap.h"
#include "packages/rpm-library.h"
#include "packages/rpm.h"

struct rpm_package {
	struct package package; /* first: handed out as this */
	unsigned instance;	/* its number in the database */
	struct rpm_package *same_name;
};

struct rpm_db {
	char *root;
	const char *directory; /* of the database, below the root */
	rpmts ts;
	/* Of dependencies' strings. One that librpm makes for itself takes no new ones,
	 * which expressions need. */
	rpmstrPool pool;
	struct arena arena;
	struct {
		struct rpm_package **items; /* by index */
		size_t len;
		size_t cap;
	} packages;
	struct strmap by_name;	   /* ──► struct rpm_package, its same_name list */
	struct strmap by_instance; /* the number as text ──► struct rpm_package */
	struct strmap satisfied;   /* a dependency's text ──► struct package_set */
	const char *native_arch;
};

/* What librpm complained of as an error, if it did: it passes damaged headers over. */
int rpm_db_check(const struct rpm_db *db, struct error *err);
/* The package of a header; NULL: a key, say, which is in the database too. */
const struct rpm_package *rpm_db_package(const struct rpm_db *db, Header h);

/*
 * Append one package for each thing that the dependency asks for. `depender` may be NULL.
 * False if nothing installed satisfies it.
 */
bool rpm_satisfy(struct rpm_db *db, const struct rpm_package *depender, rpmds dependency,
	struct package_set *ret);
void rpm_satisfied_done(struct rpm_db *db);

/* Copy a database in sqlite's format to ret->temporary. replacement_done() removes it; what
 * is open of it can still be read. */
int rpm_snapshot_begin(const char *directory, struct replacement *ret, struct error *err);
