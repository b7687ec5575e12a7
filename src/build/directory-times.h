/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory of the host has the time of the last change to any name in it, and most of
 * those names are not in an appliance: each upgrade of any package would make another
 * one. Here a directory is as young as the youngest thing in it; /tmp, say, in which
 * there is nothing, has no time.
 */
#pragma once

#include "tree/tree.h"

/* Of a finished tree. */
void directory_times_set(const struct tree *t);
