/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to this folder: a tar stream that is read, to its very end. */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct stream {
	struct archive *a;
	int fd;
	/* See copy.h. */
	const volatile sig_atomic_t *stop;
	uint8_t *block;
	size_t block_len;
	/* Bytes handed to libarchive, and how many it may still get for one header. */
	uint64_t given;
	uint64_t header_left;
	bool in_header;
	bool interrupted;
	int error;
};

int stream_open(
	struct stream *s, int fd, const volatile sig_atomic_t *stop, struct error *err);
void stream_done(struct stream *s);
/* The next entry, after all data of the last one was read. 1: there is one, and *ret_warning is
 * NULL or says what of it is not understood; 0: that was all. */
int stream_next(struct stream *s, struct archive_entry **ret, const char **ret_warning,
	struct error *err);
/* The next piece of the entry's data: 1, or 0 at its end. */
int stream_data(struct stream *s, const void **ret, size_t *ret_len, int64_t *ret_offset,
	struct error *err);
/* Read the rest of the entry's data. */
int stream_skip(struct stream *s, struct error *err);
