/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A kernel's modules directory through libkmod, as that directory alone describes it: the
 * host's /etc/modprobe.d (blacklists, aliases, install commands) is about the host's
 * hardware and has no say in the appliance.
 */
#pragma once

#include <libkmod.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/mem.h"

/* Fails if depmod's index is not there, or a file of it is none, is damaged, or is not in the
 * directory `within` (NULL: it may be anywhere). */
int modules_dir_open(
	const char *dir, const char *within, struct kmod_ctx **ret, struct error *err);
/* All modules that a name or alias means, built-in ones too; NULL: none. */
struct kmod_list *modules_dir_lookup(struct kmod_ctx *ctx, const char *name);

/* Are the modules' files where the index has them? Somebody who moves or compresses modules
 * has to run depmod. And are they in the directory `within`? */
int modules_dir_check_files(const char *dir, const char *within,
	const struct kmod_list *list, struct error *err);
/*
 * The same for what the module at `path` depends on, of which libkmod says nothing if one is
 * not there. `dependencies` is the text of the index, to be read once.
 */
char *modules_dir_read_dependencies(const char *dir);
int modules_dir_check_dependencies(
	const char *dir, const char *dependencies, const char *path, struct error *err);

static inline void cleanup_kmod(struct kmod_ctx **ctx)
{
	if (*ctx)
		kmod_unref(*ctx);
}

static inline void cleanup_kmod_list(struct kmod_list **list)
{
	kmod_module_unref_list(*list);
}

#define CLEANUP_KMOD	  CLEANUP(cleanup_kmod)
#define CLEANUP_KMOD_LIST CLEANUP(cleanup_kmod_list)
