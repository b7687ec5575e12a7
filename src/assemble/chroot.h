/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A finished tree as files and directories on the host. Root's output keeps owners and
 * attributes of privileged name spaces. An ordinary user's output belongs to that user, and lacks
 * what only root may create.
 *
 * Every user of the host can enter it. So only its owner may write to its top directory.
 * Unless it is to be privileged, it has no devices, and what archives have brought has neither
 * setuid bits nor capabilities. No symlink leads out of it, as none does in a chroot.
 */
#pragma once

#include <signal.h>

#include "tree/tree.h"

/* Into an empty directory; `name` is its path, for errors. */
int chroot_write(const struct tree *t, int dir_fd, const char *name, bool privileged,
	const volatile sig_atomic_t *interrupted, struct error *err);
