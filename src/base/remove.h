/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Removing a directory with all that is in it. */
#pragma once

/*
 * A file or a directory, by name relative to dir_fd as for unlinkat(). Links are not
 * followed. Failures are not reported: a caller that has to know looks whether it is still there.
 */
void remove_all(int dir_fd, const char *name);
