/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * File systems that are not files but the kernel's (proc, sysfs, …). What a guest sees of the
 * host should have none of them: /proc/PID/mem of its processes, the knobs of its kernel. And
 * an automount would be triggered. The guest has its own.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* fd: of something in it, O_PATH at least. */
bool kernel_fs_is(int fd);

/* The device number of devtmpfs, which fstatfs() does not tell from a tmpfs; 0: there is
 * none. `mountinfo` is the text of /proc/self/mountinfo. */
dev_t kernel_fs_devtmpfs(const char *mountinfo);
