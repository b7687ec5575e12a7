/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the host has installed. Each package manager is a struct of functions (struct
 * packages_handler in handler.h), chosen by the databases below the root, not by the
 * distribution's name.
 *
 *	names ──► packages_resolve() ──► the closure over dependencies, all of it installed
 *	          packages_files()   ──► the paths that belong to it
 *
 * Reads the package manager's own files; runs none of its programs. Everything is held in
 * memory that packages_close() frees: packages, names and paths.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/vector.h"

struct packages;

struct package {
	const char *name;
	const char *version;
	const char *arch;
	/* Among all that are installed, below packages_count(). */
	size_t index;
};

struct package_set {
	const struct package **items; /* sorted by name, then architecture */
	size_t len;
	size_t cap;
};

struct package_file {
	/* Absolute, where it is if only the set's packages are installed. */
	const char *path;
	/* Where the host has it instead, since a package diverts it that is not in the
	 * set. NULL: at the same path. */
	const char *source;
	/* It is a symlink to this, which the host has with another target. NULL: as the
	 * host has it. */
	const char *target;
	bool is_config;
	/* NULL: made by a script. */
	const struct package *package;
};

struct package_files {
	struct package_file *items; /* sorted by path, each once */
	size_t len;
	size_t cap;
};

/*
 * Open the database below `root` ("/" or a fixture). Where several managers have one
 * (Debian with rpm as a tool), the one with the most packages counts. Fails if none can be
 * read.
 */
int packages_open(const char *root, struct packages **ret, struct error *err);
void packages_close(struct packages *p);
/* "dpkg", "rpm", "pacman" */
const char *packages_manager(const struct packages *p);

/* Call fn for each known manager, and whether it has a database below the root. */
typedef void packages_manager_fn(const char *name, bool in_use, void *data);
void packages_managers(const char *root, packages_manager_fn *fn, void *data);
/* The names of what goes into every appliance where it is installed. NULL-terminated. */
const char *const *packages_defaults(const struct packages *p);
size_t packages_count(const struct packages *p);
/* The installed package that packages_resolve() would take for this name, or NULL. */
const struct package *packages_find(const struct packages *p, const char *name);
/* The shortest name that is unique to this package: "libc6", "libc6:i386", "glibc.i686".
 * Caller frees. */
char *packages_label(const struct packages *p, const struct package *pkg);
/* With version and architecture, as the distribution writes it: "libc6_2.36-9_amd64",
 * "glibc-1:2.36-1.x86_64". Caller frees. */
char *packages_full_name(const struct packages *p, const struct package *pkg);
/*
 * The package that owns a file, given by its absolute path on the host. A link to a
 * package's file (/bin/awk) counts as the file. 1: no package owns it.
 */
int packages_owner(struct packages *p, const char *path, const struct package **ret,
	struct error *err);

/*
 * The packages `names`, and all they need. A name may have an architecture ("libc6:i386",
 * "glibc.i686"). A name that no package has but that an installed package provides ("awk")
 * means that package. Any other name is an error, which suggests a similar one. A
 * dependency that nothing installed satisfies is logged as a warning and left out: the host
 * runs without it too.
 */
int packages_resolve(struct packages *p, const char *const *names, size_t n,
	struct package_set *ret, struct error *err);
void package_set_done(struct package_set *set);

/*
 * The files of a set: the packages' own, and the links to them that installation scripts
 * made and the database knows (the alternatives system's). Some may be missing on the
 * host.
 */
int packages_files(struct packages *p, const struct package_set *set,
	struct package_files *ret, struct error *err);
void package_files_done(struct package_files *files);

/*
 * The paths (absolute, with the root) whose stat data changes whenever an answer above may
 * change. A path need not exist yet.
 */
void packages_watch_paths(const struct packages *p, struct strvec *ret);
