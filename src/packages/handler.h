/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One package manager, as a struct of functions. To add one:
 *
 *	its handler, in a file of its own	named below and in the table of packages.c
 *	its tool that downloads packages	in the table of prepare/fetch-tools.c; without it
 *						`hypermin prepare` needs --use-installed
 *	its packages' archive format		prepare/config-package.c reads cpio, tar and ar
 *						in the usual compressions; the name's suffix is
 *						in is_package() of prepare/fetch.c
 *
 * A handler opens its database into memory of its own, `db`, and hands out packages that
 * live there, embedding `struct package` in its own struct. It answers for one package at a
 * time: packages.c computes the closure, sorts, and explains wrong names to the user.
 */
#pragma once

#include "packages/packages.h"

struct packages_handler {
	const char *name;
	/* For advice: "apt-get install". */
	const char *install_command;
	/* What stands before version and architecture in a full name: "_" and "_". */
	const char *before_version, *before_arch;
	/* What a person at a shell expects, NULL-terminated: each is in every appliance
	 * if the host has it. */
	const char *const *default_packages;
	/* Paths below the root, NULL-terminated; one that exists shows that the manager
	 * is in use. */
	const char *const *databases;

	/*
	 * `root` has no slash at its end: "" is the host's own. Appends all installed
	 * packages to the empty set, by index, in an order that depends on the database
	 * alone.
	 */
	int (*open)(const char *root, void **ret_db, struct package_set *ret_all,
		struct error *err);
	void (*close)(void *db);

	/* By what a user writes: a name, maybe with an architecture behind ':' or '.', or a
	 * name that a package provides. NULL: none is installed. */
	const struct package *(*find)(void *db, const char *name);
	/* Append the packages that satisfy what this one needs to run, and warn of
	 * dependencies that none satisfies. */
	int (*depends)(void *db, const struct package *pkg, struct package_set *ret,
		struct error *err);
	/* Append the files of one package, in any order, as they are where only the set's
	 * packages are installed. */
	int (*files)(void *db, const struct package *pkg, const struct package_set *set,
		struct package_files *ret, struct error *err);
	/* Append the links that installation scripts made to some of the files, which are
	 * sorted. May be NULL. */
	int (*add_links)(void *db, struct package_files *files, struct error *err);
	/* The package that lists this very path, or NULL. Without this function all
	 * packages' files are searched. */
	int (*owner)(void *db, const char *path, const struct package **ret,
		struct error *err);
	void (*watch_paths)(const void *db, struct strvec *ret);
};

extern const struct packages_handler dpkg_handler;
extern const struct packages_handler pacman_handler;
extern const struct packages_handler rpm_handler;

/*
 * Sort by path and leave each path once. A path that several packages list is
 * configuration only if all of them say so: a package that ships it as a plain file has
 * taken it over.
 */
void package_files_sort(struct package_files *files);
/* Is the path among the files, which are sorted? */
bool package_files_contain(const struct package_files *files, const char *path);
