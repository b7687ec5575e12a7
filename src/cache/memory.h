/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VM's memory as a file: whole pages, most of them zero. Only the others are stored,
 * and only they make the digest, each with its address; so it does not depend on where a
 * file system keeps holes.
 */
#pragma once

#include "base/sha256.h"

/* Into an empty file. -1 with errno. */
int memory_copy(int from, int to, char ret_digest[static SHA256_HEX_LEN + 1]);
int memory_digest(int fd, char ret_digest[static SHA256_HEX_LEN + 1]);
