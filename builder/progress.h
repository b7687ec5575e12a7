/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One line on a terminal for a person who waits: shown once the work has taken a second,
 * rewritten in place, and gone at the end. Not on anything else than a terminal. One a
 * process: a timer's signal has to find it.
 */
#pragma once

#include <stdint.h>

/* Without it, the other calls do nothing. */
void progress_start(const char *command);
/* What is being done from now on. */
void progress_step(const char *what);
/* From now on progress_share() is called often, and no timer is needed. Before threads
 * are started: the signal could come to any of them. */
void progress_share_begin(void);
/* How much of it is done; for ext2_emit(). Always 0. */
int progress_share(uint64_t done, uint64_t total, void *data);
/* Take the line away. Later calls show nothing; may be called twice. */
void progress_end(void);
