/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VM's RAM as a file: whole pages, most of them zero. Only the others are stored, and the
 * digest is that of the others, each with its address. So it does not depend on where a file
 * system keeps holes. Disks have the same digest; their last page may be cut.
 */
#pragma once

#include "base/sha256.h"

/* `to` is an empty file; of whole pages. -1 with errno set. */
int ram_copy(int from, int to, char ret_digest[static SHA256_HEX_LEN + 1]);
int ram_digest(int fd, char ret_digest[static SHA256_HEX_LEN + 1]);
