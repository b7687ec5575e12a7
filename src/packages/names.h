/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Installed packages by name: those that have it, then those that provide it. */
#pragma once

#include "base/arena.h"
#include "base/strmap.h"
#include "packages/packages.h"

/* One package in the list of a name. */
struct named {
	const struct package *package;
	/* That it has, or provides the name in. NULL: satisfies no relation to a version. */
	const char *version;
	bool provided;
	struct named *next;
};

struct names {
	struct strmap map;
	/* Set these before names_find(). */
	const char *native_arch;
	/* The architecture of packages that run anywhere and count as native; or NULL. */
	const char *every_arch;
};

/* Append to the name's list: all packages first, then what they provide. */
void names_add(struct names *n, struct arena *arena, const struct package *pkg);
void names_add_provided(struct names *n, struct arena *arena, const char *name,
	const struct package *pkg, const char *version);
/* The name's list, or NULL. */
const struct named *names_get(const struct names *n, const char *name);
/* The architecture that a package of this one counts as. */
const char *names_arch(const struct names *n, const char *arch);
/* A package that has the name. `arch` NULL: of any architecture, preferably the native. */
const struct package *names_find(
	const struct names *n, const char *name, const char *arch);
/* The first package that provides the name, which is logged. */
const struct package *names_find_provider(const struct names *n, const char *name);
void names_done(struct names *n);
