/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines in the kernel's log, where the host looks when the agent does not answer. Errors
 * are always written, debug lines only if BOOT_DEBUG asks for them. */
#pragma once

#include <stdbool.h>

/* Call when /dev is mounted. Before that, and outside a guest, lines are dropped. */
void klog_open(bool debug);
void klog_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void klog_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
