/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration files as the distribution ships them: packages are downloaded by its own
 * tool (apt-get, dnf, pacman) into a directory that is removed afterwards.
 */
#pragma once

#include "packages/packages.h"
#include "prepare/config-files.h"
#include "prepare/prepare.h"

/*
 * Find what is wanted in `files`. Downloaded are the packages that have configuration
 * files among `wanted`, each in the version that is installed, where a repository still
 * has that; else in the one it has, with a warning. `manager` as packages_manager() says.
 */
int fetch_config_files(const char *manager, const struct package_files *wanted,
	const struct prepare_options *options, struct config_files *files,
	struct error *err);
