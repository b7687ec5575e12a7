/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file system that is mounted, but that no path leads to: nobody sees it until it is moved
 * to its place. Linux has this since 5.2. */
#pragma once

#include "base/error.h"

struct hidden_mount_option {
	const char *name, *value; /* NULL: it is a flag */
};

/* A descriptor; there are no devices in it. `options` end with a NULL name. -1, and the error's
 * number is ENOSYS if the kernel can't. */
int hidden_mount(const char *type, const char *source,
	const struct hidden_mount_option *options, struct error *err);
/* The minor number of its device. The file system is not asked for anything. */
int hidden_mount_minor(int fd, unsigned *ret, struct error *err);
/* Move it to its place, which is a directory. */
int hidden_mount_show(int fd, const char *place, struct error *err);
