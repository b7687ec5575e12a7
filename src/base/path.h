/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Paths of a system that need not be the host's own. */
#pragma once

/* Where the host has what is `path`, with its slash, in the system that is installed in
 * `root`, "/" or a directory. A new string. */
char *path_below(const char *root, const char *path);
