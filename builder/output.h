/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An output file that is there whole or not at all: written to an unnamed file beside it
 * (one with a name of its own, where the file system has no unnamed ones), then renamed
 * into its place. Until then an older file of that name stays as it is. One at a time: a
 * signal handler has to find it.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct output {
	char *path; /* symlinks at its end are followed */
	char *directory;
	int directory_fd;
	int fd;		    /* write here */
	char temporary[64]; /* its name in the directory; "" while it has none */
};

/* Refuses what is there and is not a regular file. */
int output_open(const char *path, struct output *ret, struct error *err);
/* Whether `path` lies in the directory `dir`, at any depth. */
bool output_is_inside(const struct output *o, const char *dir);
int output_publish(struct output *o, struct error *err);
/* What was not published is gone. */
void output_done(struct output *o);

#define CLEANUP_OUTPUT CLEANUP(output_done)
