/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Digests of files. A file that was written to meanwhile has another time of change. */
#include "cache/digests.h"

#include <string.h>

#include "base/file.h"
#include "base/vector.h"

int digests_file(struct digests *d, int fd, const struct stat *st,
	char ret[static SHA256_HEX_LEN + 1])
{
	struct known_digest new = {.st = *st};

	vector_foreach (known, d)
		if (file_is_unchanged(&known->st, st)) {
			strcpy(ret, known->hex);
			return 0;
		}
	if (sha256_file(fd, new.hex) < 0)
		return -1;
	vector_push(d, new);
	strcpy(ret, new.hex);
	return 0;
}

void digests_done(struct digests *d)
{
	vector_done(d);
}
