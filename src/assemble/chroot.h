/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A finished tree as files and directories on the host. Owners, devices and attributes of
 * privileged name spaces are kept as far as this user may: root's output has all of them,
 * an ordinary user's belongs to that user.
 */
#pragma once

#include <signal.h>

#include "tree/tree.h"

/* Into an empty directory; `name` is its path, for errors. */
int chroot_write(const struct tree *t, int dir_fd, const char *name,
	const volatile sig_atomic_t *interrupted, struct error *err);
