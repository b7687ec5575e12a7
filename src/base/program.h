/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the running program is. */
#pragma once

#include "base/error.h"

/* Its absolute path. It needs no /proc. A new string. */
char *program_path(struct error *err);
/* The path that a file of this name has in the same directory; NULL if there is no such
 * file that can be executed. A new string. */
char *program_beside(const char *name);
