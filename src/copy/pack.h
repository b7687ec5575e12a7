/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to this folder: the stream that is written, and the entry on its way into it. */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "copy/copy.h"

struct packer {
	/* Of the top, as the caller gave it: for messages. */
	const char *path;
	/* The current entry's in the stream; the top's is its first top_len bytes. */
	struct strbuf name;
	size_t top_len;
	bool incomplete;

	int out_fd;
	struct archive *a;
	/* Looks up the names of owners. */
	struct archive *names;
	/* Files that have several names: "device:inode" to the first name. */
	struct strmap links;
	struct arena arena;
	char *buffer;
	locale_t locale, locale_before;
};

int packer_begin(struct packer *p, int out_fd, struct error *err);
/* With the stream's end mark if it is whole. */
int packer_end(struct packer *p, bool whole, struct error *err);
/* Write the file that is open as `fd` (O_PATH). What can't be read is a complaint, and the
 * stream goes on; -1: it can't. */
int pack_entry(struct packer *p, int fd, const struct stat *st, struct error *err);
/* Of the current entry; num as in error_set(). */
void pack_say(const struct packer *p, int num, const char *what);
/* The same, and the copy is not whole. */
void pack_complain(struct packer *p, int num, const char *what);
