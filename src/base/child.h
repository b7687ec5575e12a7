/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a child does between fork() and exec, or without exec: async-signal-safe calls
 * only, since the caller may have threads.
 */
#pragma once

#include <stddef.h>

/* No handler and no mask of the caller's. */
void child_reset_signals(void);
/* Close all descriptors from `first` on but those in `keep`. */
void child_close_others(int first, const int *keep, size_t n);
/* The three standard streams from and to /dev/null; else it ends. */
void child_null_streams(void);
