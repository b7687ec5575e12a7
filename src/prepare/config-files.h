/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration files on their way into base.tar.gz, from the host or from packages. They
 * are kept in memory, since packages have them in any order and base.tar.gz is sorted by
 * name. Nothing is unpacked to disk, so the names in a hostile package can do no harm.
 */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strmap.h"
#include "base/vector.h"

/* A larger file is not taken for configuration. */
#define CONFIG_FILE_MAX ((size_t)64 * 1024 * 1024)

struct config_file {
	/* Absolute. */
	const char *path;
	/* Its metadata; NULL: not found so far. */
	struct archive_entry *entry;
	char *data;
	size_t len;
};

struct config_files {
	/* In the order of config_files_init(). */
	struct config_file *items;
	size_t len;
	/* To struct config_file. */
	struct strmap by_path;
};

/* The paths that are wanted. They are not copied. */
void config_files_init(struct config_files *c, const char *const *paths, size_t n_paths);
void config_files_done(struct config_files *c);
size_t config_files_found(const struct config_files *c);
/* Set what was found of a file; takes over entry and data. */
void config_file_set(
	struct config_file *file, struct archive_entry *entry, char *data, size_t len);

/*
 * From the host. A file that is not there was deleted on purpose, and is left out. One that
 * this user may not read is left out with a warning.
 */
int config_files_read_host(struct config_files *c, const char *root, struct error *err);
/* From a package of dpkg, rpm or pacman. `name` is for errors. */
int config_files_read_package(
	struct config_files *c, int fd, const char *name, struct error *err);

/* Write a compressed tar archive. Times later than mtime_max, in seconds since 1970, are
 * set to it. */
int config_files_write(
	const struct config_files *c, int fd, int64_t mtime_max, struct error *err);
