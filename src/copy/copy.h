/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files and trees between the host and a guest, as a tar stream (pax):
 *
 *	host: PATH ──► copy_pack() ──► stream ──► the guest
 *	host: DEST ◄── copy_unpack() ◄── stream ◄── the guest
 *
 * The stream has one top entry, and what is below it. "." as the top's name stands for the
 * contents of a directory. Owners are numbers (with names beside them), times have
 * nanoseconds, ACLs are the extended attributes that they are for the kernel.
 *
 * The guest is not trusted. Nothing is written outside the destination: names have no "..",
 * no link is followed below the destination, and a hard link leads to a file of the same
 * stream.
 *
 * What is left out or differs is said by log_warning(), a line each, printable.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum copy_result {
	COPY_FAILED = -1,
	COPY_WHOLE = 0,
	/* What can't be read, written or represented is missing; all others are there. */
	COPY_PARTLY = 1,
};

struct copy_pack {
	const char *path;
	/* What the stream calls it. NULL: as it is called, "." for "dir/.". */
	const char *name;
	int out_fd;
};

/* COPY_FAILED: the stream has no end. Nothing was written if the path can't be opened. */
enum copy_result copy_pack(const struct copy_pack *request, struct error *err);

/* Entries and directories that a stream may make by default. */
#define COPY_ENTRIES_MAX (1u << 21)

struct copy_unpack {
	/* A directory gets the entry; something else is replaced by it; if there is nothing,
	 * this becomes its name. Its parent has to be there. */
	const char *dest;
	/* The entry's name in a directory, whatever the stream calls it. NULL: the stream's
	 * names, of which there may be several then: it can replace anything in `dest`. */
	const char *name;
	int in_fd;
	/* Bytes of data, and of attributes; holes are none. 0: no limit. */
	uint64_t max_size;
	/* 0: COPY_ENTRIES_MAX. */
	uint64_t max_entries;
	/* Owners, setuid and setgid bits, ACLs and all attributes, not only user.*: for root. */
	bool same_owner;
	/* Make device nodes: for root. */
	bool devices;
	/* If not NULL: as soon as it is not 0, stop. */
	const volatile sig_atomic_t *stop;
};

/* COPY_FAILED: what was unpacked before stays, files whole. */
enum copy_result copy_unpack(const struct copy_unpack *request, struct error *err);
