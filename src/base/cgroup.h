/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What control groups (cgroups(7)) allow this process: in a container, or under a resource
 * manager, less than the machine has. */
#pragma once

#include <stdint.h>

/* In bytes, of its own group and all above it that can be seen; UINT64_MAX: there is no limit.
 * `root_fd`: the root directory of the host, or of a fixture. */
uint64_t cgroup_memory_limit(int root_fd);
