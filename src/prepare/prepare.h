/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The half of an appliance that is the same on all hosts of a distribution. It is made by
 * those who develop the appliance, shipped, and built into an appliance on other hosts:
 *
 *	OUTPUT/packages      names of packages, sorted, one a line, without dependencies:
 *	                     those are found when the appliance is built
 *	OUTPUT/base.tar.gz   the configuration files of these packages and of their
 *	                     dependencies, so that no administrator's own are used
 *
 * Runs in the builder program.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/vector.h"

struct prepare_options {
	/* The host's root directory, "/" or another. */
	const char *root;
	/* The directory to make; an older one is replaced. */
	const char *output;
	/* Names of packages, or paths of files that belong to them. */
	struct strvec packages;
	/* Take the host's configuration files, instead of downloading packages. */
	bool use_installed;
	/* Configuration of the tool that downloads, or NULL. */
	const char *packager_config;
	/* Set by a signal handler; then the call ends with EINTR and leaves nothing
	 * behind. */
	const volatile sig_atomic_t *interrupted;
};

int prepare_input(const struct prepare_options *options, struct error *err);
