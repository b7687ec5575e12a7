/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parts of an appliance: kernel, initrd and root image. Each has a key, a digest of
 * what it is made from, and is made once: appliances that need the same one have hard
 * links to it. Where the file system has no hard links each has its own.
 */
#pragma once

#include <jansson.h>
#include <signal.h>

#include "base/sha256.h"
#include "cache/store.h"
#include "kernel/kernel.h"
#include "tree/tree.h"

/* ---- Sharing ---- */

/* Write the part to fd, an empty file; its manifest may be added to. */
typedef int part_make_fn(int fd, json_t *manifest, void *data, struct error *err);

struct part {
	const char *name; /* the file's, in the appliance */
	char key[SHA256_HEX_LEN + 1];
	part_make_fn *make;
	void *data;
};

/*
 * Put the part into an appliance's draft, from the store or made now, and enter it in the
 * appliance's manifest. *ret_manifest, the part's own, is the caller's.
 */
int part_add(const struct part *part, const struct draft *draft, json_t *manifest,
	const volatile sig_atomic_t *interrupted, json_t **ret_manifest,
	struct error *err);

/* ---- What is in them ---- */

/* The ELF inside the image where there is one, else the image. */
int part_write_kernel(const char *image, int fd, struct error *err);
/* The image as it is. */
int part_copy_kernel(const char *image, int fd, struct error *err);
/* The agent's, with `modules`. With `all` (or NULL) it is to execute the appliance's own
 * /init instead, and takes those of `all` that are not in `modules` only if it has to. */
int part_write_initrd(const struct kernel_modules *modules,
	const struct kernel_modules *all, bool keep_signatures, const void *guest,
	size_t guest_len, int fd, struct error *err);
int part_write_root(const struct tree *tree, int fd,
	const volatile sig_atomic_t *interrupted, char ret_uuid[static 37],
	struct error *err);
