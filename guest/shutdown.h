/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end: processes, then mounts, then everything written out. */
#pragma once

#include <stddef.h>

/* The machine's own mounts, by their numbers: these stay. */
struct own_mounts {
	int ids[64];
	size_t len;
};

/* All mounts that there are now. */
void shutdown_note_mounts(struct own_mounts *own);
/* SIGTERM, and SIGKILL 2 s later. Returns at once if no process is left. */
void shutdown_end_processes(void);
/* Unmount all other mounts and sync. It takes as long as the disks need. */
void shutdown_write_out(const struct own_mounts *own);

/* Parse one line of /proc/self/mountinfo in place: its number, and where it is mounted,
 * with the octal escapes undone. *ret_target is NULL if the line is malformed. Returns the
 * next line, NULL at the end. */
char *mountinfo_next(char *text, int *ret_id, char **ret_target);
