/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the boot's time went to, in more detail than the few times in READY: noted always,
 * since that costs next to nothing, and told if the host asks by hypermin.timeline on the
 * kernel's command line.
 */
#pragma once

#include <stdint.h>

#include "protocol/protocol.h"

/* From begin_us (boot_now_us()) until now. A note that finds no room is dropped. */
void timeline_note(enum boot_event_kind kind, const char *name, uint64_t begin_us);

/* All notes and the kernel's own messages, as BOOT_EVENT frames. */
void timeline_tell(int port);

/*
 * One record of /dev/kmsg: "PRIORITY,NUMBER,MICROSECONDS,…;TEXT\n" and more lines. 0, or
 * -1 if it is none. The text is cut at `size`. Pure.
 */
int timeline_parse_record(
	const char *record, uint64_t *ret_us, char *ret_text, size_t size);
