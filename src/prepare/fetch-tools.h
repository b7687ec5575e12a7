/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One package manager's tools, as a struct of functions. */
#pragma once

#include "base/outlive.h"
#include "base/arena.h"
#include "prepare/fetch.h"
#include "prepare/tool.h"

/* A package that a repository has. */
struct offer {
	const char *name;
	const char *version; /* as the package database writes it */
	const char *arch;    /* NULL: whichever is installed */
};

struct fetch {
	const char *packager_config; /* absolute, or NULL */
	char *directory;	     /* a temporary one; packages go into it */
	struct afterwards removal;   /* of the directory */
	const volatile sig_atomic_t *interrupted;
	struct package_set wanted; /* sorted */
	struct arena arena;	   /* of the offers' strings */
	VECTOR(struct offer) offers;
};

struct fetch_tool {
	const char *manager;
	/* Collect what the repositories have of the packages wanted, of each the best
	 * first. */
	int (*find_offers)(struct fetch *f, struct error *err);
	/* Download one offer for each, in their order. */
	int (*download)(
		struct fetch *f, const struct offer *const *chosen, struct error *err);
};

/* NULL-terminated */
extern const struct fetch_tool *const fetch_tools[];
