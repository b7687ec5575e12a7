/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines to the kernel's log, which is where the host looks when the agent can't speak.
 * Errors are always written, debug lines only with hypermin.debug on the kernel's command
 * line.
 */
#pragma once

#include <stdbool.h>

/* Call when /dev is there; before that, and outside a guest, lines go nowhere. */
void klog_open(bool debug);
void klog_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void klog_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
