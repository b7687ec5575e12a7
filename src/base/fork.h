/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fork() in a process that may have threads and signal handlers. Until it executes a
 * program or ends, the child may make async-signal-safe calls only; all of these are.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* As fork(). The child begins with all signals blocked, so that no handler of the
 * caller's runs in it; it calls fork_reset_signals(). */
pid_t fork_quietly(void);
/* Each signal as in a new process, and none blocked. */
void fork_reset_signals(void);
/* Close all descriptors from `first` on but those in `keep`. */
void fork_close_others(int first, const int *keep, size_t n);
/* /dev/null; in a root directory without devices a file in memory, which is as empty. */
int fork_open_null(void);
/* The three standard streams from and to it; exits where that fails. */
void fork_null_streams(void);
