/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One package manager's tools, as a struct of functions. */
#pragma once

#include "base/arena.h"
#include "base/outlive.h"
#include "prepare/fetch.h"
#include "prepare/tool.h"

/* A package that a repository offers. */
struct offer {
	const char *name;
	/* As the package database writes it. */
	const char *version;
	/* NULL: that of the package that is installed. */
	const char *arch;
};

struct fetch {
	/* An absolute path, or NULL. */
	const char *packager_config;
	/* A temporary directory for packages. */
	char *directory;
	/* Removes the directory when this program ends. */
	struct afterwards removal;
	const volatile sig_atomic_t *interrupted;
	/* Sorted by index. */
	struct package_set wanted;
	/* Holds the offers' strings. */
	struct arena arena;
	VECTOR(struct offer) offers;
};

struct fetch_tool {
	const char *manager;
	/* Add the repositories' offers of the packages wanted; a package's best offer
	 * comes first. */
	int (*find_offers)(struct fetch *f, struct error *err);
	/* Download the offer chosen for each package wanted, in the same order. */
	int (*download)(
		struct fetch *f, const struct offer *const *chosen, struct error *err);
};

/* NULL-terminated */
extern const struct fetch_tool *const fetch_tools[];
