/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An output file that appears whole or not at all: it is written to an unnamed file in the
 * same directory (or one with a temporary name, if the file system has no unnamed files),
 * then renamed into its place. Until then an older file of that name stays as it is. One at
 * a time, since a signal handler has to find it.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct output {
	/* With a symlink at its end followed. */
	char *path;
	char *directory;
	int directory_fd;
	/* The file, to be written to. */
	int fd;
	/* Its name in the directory; "" while it has none. */
	char temporary[64];
};

/* Fails if there is something other than a regular file. */
int output_open(const char *path, struct output *ret, struct error *err);
/* Whether the output lies in the directory `dir`, at any depth. */
bool output_is_inside(const struct output *o, const char *dir);
int output_publish(struct output *o, struct error *err);
/* An output that was not published is removed. */
void output_done(struct output *o);

#define CLEANUP_OUTPUT CLEANUP(output_done)
