/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long each step of the boot took, in more detail than READY says it. Always noted,
 * since that costs next to nothing, and told if the command line has BOOT_TIMELINE.
 */
#pragma once

#include <stdint.h>

#include "protocol/protocol.h"

/* From begin_us (clock_now_us()) until now. When there is no room left, notes are
 * dropped. */
void timeline_note(enum boot_event_kind kind, const char *name, uint64_t begin_us);

/* All notes and the kernel's own messages, as BOOT_EVENT frames. */
void timeline_tell(int port);

/*
 * One record of /dev/kmsg: "PRIORITY,NUMBER,MICROSECONDS,…;TEXT\n" and more lines. 0, or
 * -1 if it is none. The text is cut at `size`. Pure.
 */
int timeline_parse_record(
	const char *record, uint64_t *ret_us, char *ret_text, size_t size);
