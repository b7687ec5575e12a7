/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Work for when nobody waits: a process that has nothing to do with us any more. */
#pragma once

#include "base/error.h"

/*
 * Run argv[0] (a path) in a session of its own, as the child of init, at the lowest
 * priority for processor and disk, with its standard streams to /dev/null and nothing
 * else open. What becomes of it is never known.
 */
int detach_start(char *const *argv, struct error *err);
