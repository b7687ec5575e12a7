/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A progress line: shown on a terminal once the work has taken a second, rewritten in
 * place, and erased at the end. If standard error is not a terminal, nothing is shown. One
 * a process, since the timer's signal handler has to find it.
 */
#pragma once

#include <stdint.h>

/* Unless it was called, the other calls do nothing. */
void progress_start(const char *command);
/* Show `what` as the present step. */
void progress_step(const char *what);
/* From now on progress_share() is called often, and no timer is needed. Call it before
 * threads are started: the timer's signal could come to any of them. */
void progress_share_begin(void);
/* How much of it is done; for ext2_emit(). Always 0. */
int progress_share(uint64_t done, uint64_t total, void *data);
/* Erase the line. Later calls show nothing. May be called twice. */
void progress_end(void);
