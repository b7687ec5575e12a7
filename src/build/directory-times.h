/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The times of directories in an appliance. The host's directory changes its time with any
 * name in it, and most names are not in the appliance: with these times each upgrade of
 * any package would make another appliance. So a directory gets the time of the youngest
 * file in it, and an empty one, such as /tmp, the time 0.
 */
#pragma once

#include "tree/tree.h"

/* Of a finished tree. */
void directory_times_set(const struct tree *t);
