/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every appliance takes from the host: packages, their files, a kernel and its
 * modules. The two kinds of appliances (contents.h, and ingredients.h of src/assemble)
 * decide what they want of it and what they add.
 *
 *	gather_init()
 *	gather_packages(), gather_package_files()
 *	gather_watch_kernel(), gather_modules()
 *	gather_finish()
 */
#pragma once

#include "cache/stamp.h"
#include "kernel/kernel.h"
#include "packages/packages.h"
#include "tree/tree.h"

struct gather {
	/* The host's root directory. */
	const char *root;
	/* Started by the caller. Each path whose change would change the answer goes in. */
	struct stamp *stamp;
	struct tree *tree;
	/* NULL: no package was asked for. */
	struct packages *packages;
	struct package_set set;
	struct kernel kernel;
	/* What was left out because this user can't read it: "PATH: REASON". */
	struct strvec unreadable;
};

/* The tree's options are `options`, and that unreadable files are left out. `g` may not
 * be moved until gather_done(). */
void gather_init(struct gather *g, const char *root, struct stamp *stamp,
	const struct tree_options *options);
void gather_done(struct gather *g);

/* The packages that `wanted` names (NULL-terminated; NULL: the package manager's defaults)
 * and that are installed; those that `needed` (or NULL) names, which have to be installed;
 * and the dependencies of all. */
int gather_packages(struct gather *g, const char *const *wanted,
	const struct strvec *needed, struct error *err);

struct gather_policy {
	/* Take configuration files, each known by its content; or leave them out. */
	bool take_config;
	/* Watch files below /var, too. What is there belongs to programs that run, and
	 * may change at any time. */
	bool watch_var;
	/* A symlink to a directory brings that directory, though empty: /var/lock leads
	 * to /run/lock, which no package has. Goes with watch_var. */
	bool take_link_targets;
	/* Whether a file is left out. May be NULL. */
	bool (*excludes)(const char *path, const void *data);
	const void *data;
};

int gather_package_files(
	struct gather *g, const struct gather_policy *policy, struct error *err);
/* For a symlink that was added to the tree: see gather_policy.take_link_targets. */
int gather_link_target(struct gather *g, const char *path, struct error *err);
/* A configuration file that was added to the tree counts by what it says, and has no time
 * in the appliance: one that was only touched, or edited and edited back, is what it was
 * before. */
void gather_by_content(struct gather *g, const char *path);

/* Once g->kernel is found; `chosen` if it was chosen among the host's. */
void gather_watch_kernel(struct gather *g, bool chosen);
/* All of the kernel's modules, as /lib/modules/VERSION. Each is watched. */
int gather_modules(struct gather *g, struct error *err);

/* Nothing is added any more: number the tree, and give directories their times. */
void gather_finish(struct gather *g);
void gather_warn_unreadable(const struct gather *g);
