/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cold path: make the appliance for a request and publish it in the cache. Runs in
 * the builder program; the only place where packages, kernel, initrd, tree and ext2 meet.
 */
#pragma once

#include <signal.h>

#include "appliance/appliance.h"

struct build_options {
	const char *builder; /* path of this program */
	const char *guest;   /* path of the static guest program */
	/* Set by a signal handler: the build ends with EINTR and removes what it has
	 * made. */
	const volatile sig_atomic_t *interrupted;
};

int appliance_build(const struct appliance_request *request, const struct cache *cache,
	const struct build_options *options, struct error *err);
