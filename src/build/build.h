/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cold path: make the appliance for a request and publish it in the cache. Runs in
 * the builder program; the only place where packages, kernel, initrd, tree and ext2 meet.
 */
#pragma once

#include <signal.h>

#include "appliance/appliance.h"

struct build_options {
	const char *builder; /* path of this program; the guest programs are beside it */
	/* Set by a signal handler: the build ends with EINTR and removes what it has
	 * made. */
	const volatile sig_atomic_t *interrupted;
};

/* The path of the guest program for guests of this architecture, whether it is there or
 * not. */
char *build_guest_path(
	const struct build_options *options, const struct architecture *architecture);
/* Its bytes. Caller frees. */
int build_read_guest(const char *path, const struct architecture *architecture,
	char **ret_data, size_t *ret_len, struct error *err);

int appliance_build(const struct appliance_request *request, const struct cache *cache,
	const struct build_options *options, struct error *err);
