/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The half of an appliance that is the same on all hosts of a distribution, made where it
 * is developed, to be shipped and built into an appliance elsewhere:
 *
 *	OUTPUT/packages      names, a line each, sorted; what they need is found where
 *	                     the appliance is built
 *	OUTPUT/base.tar.gz   the configuration files of these packages and of all they
 *	                     need: there the administrator's own are not wanted
 *
 * Runs in the builder program.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/vector.h"

struct prepare_options {
	const char *root;	/* the host, "/" */
	const char *output;	/* the directory; an older one is replaced */
	struct strvec packages; /* names, or paths of files that belong to them */
	/* Configuration as it is on the host, instead of from freshly downloaded
	 * packages. */
	bool use_installed;
	const char *packager_config; /* for the tool that downloads, or NULL */
	/* Set by a signal handler: it ends with EINTR and leaves nothing behind. */
	const volatile sig_atomic_t *interrupted;
};

int appliance_prepare(const struct prepare_options *options, struct error *err);
