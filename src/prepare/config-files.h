/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration files on their way into base.tar.gz: from the host, or from packages as
 * the distribution ships them. They wait in memory, since an archive's order is its own
 * and ours is by name. Nothing is unpacked to disk, so a hostile package can't lead
 * anywhere.
 */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strmap.h"
#include "base/vector.h"

/* More than this is nobody's configuration. */
#define CONFIG_FILE_MAX ((size_t)64 * 1024 * 1024)

struct config_file {
	const char *path;	     /* as asked for: absolute */
	struct archive_entry *entry; /* its metadata; NULL: not found so far */
	char *data;
	size_t len;
};

struct config_files {
	struct config_file *items; /* in the order asked for */
	size_t len;
	struct strmap by_path; /* ──► struct config_file */
};

/* The paths that are wanted; they are kept as they are. */
void config_files_init(struct config_files *c, const char *const *paths, size_t n_paths);
void config_files_done(struct config_files *c);
size_t config_files_found(const struct config_files *c);
/* Give a file what was found of it, which is then its own. */
void config_file_set(
	struct config_file *file, struct archive_entry *entry, char *data, size_t len);

/*
 * From the host. What is not there was deleted on purpose, and stays so; what this user
 * may not read is left out, with a warning.
 */
int config_files_read_host(struct config_files *c, const char *root, struct error *err);
/* From a package: .deb, .rpm or pacman's. `name` is for errors. */
int config_files_read_package(
	struct config_files *c, int fd, const char *name, struct error *err);

/* As a compressed tar archive; times later than mtime_max, in seconds since 1970, become
 * it. */
int config_files_write(
	const struct config_files *c, int fd, int64_t mtime_max, struct error *err);
