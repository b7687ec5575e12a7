/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end: processes, then mounts, then everything written out. */
#pragma once

#include <stddef.h>

/* Remember the mounts there are: these stay. */
void shutdown_note_mounts(void);
/* All of them, of which some get 2 s to end by themselves. With none left over it takes
 * no time to speak of. */
void shutdown_end_processes(void);
/* Unmount what was mounted since, sync. It takes as long as the disks need. */
void shutdown_write_out(void);

/* One line of /proc/self/mountinfo, changed in place: its number and where it is mounted,
 * with the octal escapes undone. Returns the next line, NULL at the end; *ret_target is
 * NULL if the line makes no sense. */
char *mountinfo_next(char *text, int *ret_id, char **ret_target);
