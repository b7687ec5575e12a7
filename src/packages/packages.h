/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the host has installed. One struct of functions a package manager (struct
 * packages_handler in handler.h), chosen by what is there below the root, not by a
 * distribution's name.
 *
 *	names ──► packages_resolve() ──► the closure over dependencies, all of it installed
 *	          packages_files()   ──► the paths that belong to it
 *
 * Reads the package manager's own files; runs none of its programs. Everything is held in
 * memory that dies with packages_close(): packages, names and paths alike.
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
	size_t index; /* its place among all that are installed, below packages_count() */
};

struct package_set {
	const struct package **items; /* sorted by name, then architecture */
	size_t len;
	size_t cap;
};

struct package_file {
	const char *path; /* absolute, as installed: diversions are applied */
	bool is_config;
	const struct package *package; /* whose it is; NULL: made by a script */
};

struct package_files {
	struct package_file *items; /* sorted by path, each once */
	size_t len;
	size_t cap;
};

/*
 * Open the database below `root` ("/" or a fixture). Where several managers have one
 * (Debian with rpm as a tool), the one with most packages counts. Fails if there is none
 * that we can read.
 */
int packages_open(const char *root, struct packages **ret, struct error *err);
void packages_close(struct packages *p);
/* "dpkg", "rpm", "pacman" */
const char *packages_manager(const struct packages *p);

/* Each manager that we know, and whether it has a database below the root. */
typedef void packages_manager_fn(const char *name, bool in_use, void *data);
void packages_managers(const char *root, packages_manager_fn *fn, void *data);
/* The names of what goes into every appliance where it is installed. NULL-terminated. */
const char *const *packages_defaults(const struct packages *p);
size_t packages_count(const struct packages *p);
/* The installed package that packages_resolve() would take for this name, or NULL. */
const struct package *packages_find(const struct packages *p, const char *name);
/* The shortest name that means this very package: "libc6", "libc6:i386", "glibc.i686".
 * Caller frees. */
char *packages_label(const struct packages *p, const struct package *pkg);
/* As its distribution names this build of it: "libc6_2.36-9_amd64",
 * "glibc-1:2.36-1.x86_64". Caller frees. */
char *packages_full_name(const struct packages *p, const struct package *pkg);
/*
 * The package that a file belongs to, given by its absolute path as the host has it now:
 * links to it (/bin/awk) count too. 1: it is no file of any package.
 */
int packages_owner(struct packages *p, const char *path, const struct package **ret,
	struct error *err);

/*
 * The installed packages that `names` need, themselves included. A name may carry an
 * architecture ("libc6:i386", "glibc.i686"). One that no package bears but that an
 * installed package provides ("awk") means that package. Any other is an error that says
 * so and, where a similar name is installed, names it. A dependency that nothing
 * installed satisfies is told by log_warning() and left out: the host runs without it
 * too.
 */
int packages_resolve(struct packages *p, const char *const *names, size_t n,
	struct package_set *ret, struct error *err);
void package_set_done(struct package_set *set);

/*
 * The paths of a set: the packages' own, and what their installation scripts made of them
 * in a way that the database knows (the alternatives system's links). Not each need exist
 * on the host.
 */
int packages_files(struct packages *p, const struct package_set *set,
	struct package_files *ret, struct error *err);
void package_files_done(struct package_files *files);

/*
 * The paths (absolute, with the root) whose stat data changes whenever the answers above
 * could: a cache that watches them need not ask. A path that does not exist may come to
 * be.
 */
void packages_watch_paths(const struct packages *p, struct strvec *ret);
