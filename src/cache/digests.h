/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Digests of files, each file read once under however many names. */
#pragma once

#include <sys/stat.h>

#include "base/sha256.h"

struct known_digest {
	struct stat st;
	char hex[SHA256_HEX_LEN + 1];
};

struct digests {
	struct known_digest *items;
	size_t len;
	size_t cap;
};

/* Of a file that is `st`; -1 with errno. */
int digests_file(struct digests *d, int fd, const struct stat *st,
	char ret[static SHA256_HEX_LEN + 1]);
void digests_done(struct digests *d);
