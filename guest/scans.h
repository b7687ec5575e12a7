/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an appliance's /init runs to put disks together to larger ones. */
#pragma once

#include <stddef.h>

/* Run, for the disks that have come since, what /init has run for those that it found.
 * `environment` has NAME=VALUE with a NUL behind each. */
void scans_run(char *environment, size_t len);
