/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes that the kernel has killed because memory ran out. */
#pragma once

#include <stdbool.h>

#include "protocol/protocol.h"

struct oom {
	unsigned long long kills; /* that are known */
};

/* Was a process killed since the last call? Its name; of several, the last one's. */
bool oom_check(struct oom *oom, char ret_name[static PROCESS_NAME_MAX + 1]);

/* Pure: the count in /proc/vmstat, and the name in a message of the kernel. */
unsigned long long oom_parse_count(const char *vmstat);
bool oom_parse_message(const char *text, char ret_name[static PROCESS_NAME_MAX + 1]);
