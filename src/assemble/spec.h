/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files that say what goes into an appliance. The first bytes tell a file's kind, after
 * decompression if it is packed by gzip, xz or zstd:
 *
 *	"ustar" at 257, a cpio magic    base image: files as they are to be in the appliance
 *	/                               hostfiles: paths of the host, with wildcards
 *	-                               excludefiles: patterns of paths that packages bring
 *	a letter or a digit             names of packages
 *	nothing                         an empty list
 *
 * A directory stands for the files in it, in the order of their names. A pattern of
 * excludefiles is matched with whole paths, and its '*' matches slashes, too. It applies
 * to packages' files only, not to base images and hostfiles.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vector.h"

enum spec_kind {
	SPEC_UNKNOWN,
	SPEC_EMPTY,
	SPEC_ARCHIVE,
	SPEC_HOSTFILES,
	SPEC_EXCLUDEFILES,
	SPEC_PACKAGES,
};

/* The number of first bytes that tell the kind. */
#define SPEC_HEAD 512

struct spec {
	struct strvec packages;
	struct strvec hostfiles;
	/* Without their '-'. */
	struct strvec excludefiles;
	/* Paths of base images, in order. */
	struct strvec images;
	/* All files and directories that were read. */
	struct strvec read;
};

/* Pure. */
enum spec_kind spec_recognise(const uint8_t *head, size_t len);
/* Pure. Add the lines of a list; `name` is for the error, a line that can't be in such a
 * list. */
int spec_parse(struct spec *spec, enum spec_kind kind, const char *text, size_t len,
	const char *name, struct error *err);

/* Read a file, or all files in a directory and its subdirectories. */
int spec_read(struct spec *spec, const char *path, struct error *err);
void spec_done(struct spec *spec);

/* Does a pattern of excludefiles match the path? */
bool spec_excludes(const struct spec *spec, const char *path);
