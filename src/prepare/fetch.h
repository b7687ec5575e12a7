/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration files as the distribution ships them: its own tool (apt-get, dnf, pacman)
 * downloads the packages into a temporary directory.
 */
#pragma once

#include "packages/packages.h"
#include "prepare/config-files.h"
#include "prepare/prepare.h"

/*
 * Find the contents of `files`. Packages that have configuration files among `wanted` are
 * downloaded, in the version that is installed if a repository still has it, else in the
 * best version that there is, with a warning. `manager` as packages_manager() says.
 */
int fetch_config_files(const char *manager, const struct package_files *wanted,
	const struct prepare_options *options, struct config_files *files,
	struct error *err);
