/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What root may take from its environment. su, sudo -E, cron or a container can give root the
 * variables of another user: a PATH, a TMPDIR, a HYPERMIN_QEMU in a directory of that user's. So
 * root executes, and works in, only what no other user can exchange: each directory on the way,
 * each link and the file itself belong to root, and not everybody may write to them. Groups are
 * left to whoever made them: /usr/local is often a group's.
 *
 * Any other user trusts the own environment.
 */
#pragma once

#include "base/error.h"

/* For root alone; for others it is 0. */
int trust_path(const char *path, struct error *err);
/* The same for any user, who trusts root and what is the own. */
int trust_check_owners(const char *path, struct error *err);

/* $TMPDIR, or `usual` where it is not set or not absolute; NULL if root should not use it. It is
 * for what has a name there: a file without one is safe in any directory. */
const char *trust_temporary(const char *usual, struct error *err);
