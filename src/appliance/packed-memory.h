/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VM's memory in a file that travels: only the pages that are not zero, so that it is as small
 * when a copy, an archive or the layer of a container image has lost the holes of files.
 *
 *	 0        "hmin-mem"
 *	 8        u64 checksum of all that follows
 *	16        u32 pages of the memory, u32 runs
 *	24        the runs: u32 first page, u32 pages          all numbers little-endian
 *	 ┆        zeros to the end of the page
 *	n × 4096  the pages of the runs, one after the other
 *
 * The checksum finds damage, at each start, in a fraction of the time of a digest. It is no
 * protection from somebody who writes to the file; the manifest's digest is none either.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vector.h"

/* Files of a fixed appliance that has a snapshot. */
#define APPLIANCE_MEMORY "memory"
#define APPLIANCE_STATE	 "state"

#define PACKED_MEMORY_HEADER_SIZE 24

struct packed_run {
	uint32_t first, pages;
};

struct packed_memory {
	uint64_t checksum;
	uint32_t pages;
	VECTOR(struct packed_run) runs;
	/* Where the pages of the runs begin. */
	uint64_t data_at;
};

/* The first part of a header, which says how long all of it is: *ret_len. -1: it is none. */
int packed_memory_measure(
	const uint8_t header[static PACKED_MEMORY_HEADER_SIZE], uint64_t *ret_len);
/* The whole header, of a file of this size. -1: it is none, and nothing is to be freed. */
int packed_memory_parse(
	const uint8_t *header, size_t len, uint64_t file_size, struct packed_memory *ret);
void packed_memory_done(struct packed_memory *m);

/* Write what is in the file `from`, whose size is that of the memory, to an empty one. */
int packed_memory_write(int from, int to, struct error *err);
/* What was written, as a new file in memory of `size` bytes. -1: it is damaged, or of another
 * size. */
int packed_memory_read(int from, uint64_t size, struct error *err);
