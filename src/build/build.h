/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cold path: make the appliance for a request and publish it in the cache. It runs in
 * the builder program, and is the only place where packages, kernel, initrd, tree and ext2
 * meet.
 */
#pragma once

#include <signal.h>

#include "appliance/appliance.h"

struct build_options {
	/* Path of this program; the guest programs are beside it. */
	const char *builder;
	/* Set by a signal handler; then the build ends with EINTR and removes its
	 * temporary files. */
	const volatile sig_atomic_t *interrupted;
};

/* The path where the guest program for this architecture belongs. Caller frees. */
char *build_guest_path(
	const struct build_options *options, const struct architecture *architecture);
/* Its bytes. Caller frees. */
int build_read_guest(const char *path, const struct architecture *architecture,
	char **ret_data, size_t *ret_len, struct error *err);

/* Make the appliance of the request, or find that the one in the cache still stands, and
 * publish the answer under the request's digest. */
int build_appliance(const struct appliance_request *request, const struct cache *cache,
	const struct build_options *options, struct error *err);
