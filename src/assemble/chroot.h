/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A finished tree as files and directories on the host. Root's output keeps owners, devices
 * and attributes of privileged name spaces. An ordinary user's output belongs to that user,
 * and lacks what only root may create.
 */
#pragma once

#include <signal.h>

#include "tree/tree.h"

/* Into an empty directory; `name` is its path, for errors. */
int chroot_write(const struct tree *t, int dir_fd, const char *name,
	const volatile sig_atomic_t *interrupted, struct error *err);
