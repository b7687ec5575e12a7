/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where programs are: the running one, and others. */
#pragma once

#include "base/error.h"

/* Its absolute path. It needs no /proc. A new string. */
char *program_path(struct error *err);
/* The path that a file of this name has in the same directory; NULL if there is no such
 * file that can be executed. A new string. */
char *program_beside(const char *name);

/* Look for a program in the absolute directories of $PATH, or of `default_path` if $PATH is
 * not set. Root passes over what trust.h says it should not take. A new string, or NULL. */
char *program_find(const char *name, const char *default_path);
