/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One write() is one record of the kernel's log; the number in front is its level. */
#include "guest/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum {
	LEVEL_ERROR = 3,
	LEVEL_INFO = 6,
};

static int kmsg = -1;
static bool debug_wanted;

void klog_open(bool debug)
{
	kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	debug_wanted = debug;
}

static void klog(int level, const char *fmt, va_list ap)
{
	char line[900]; /* the kernel cuts records at about a kilobyte */
	int prefix = snprintf(line, sizeof(line), "<%d>hypermin: ", level);
	int len = vsnprintf(line + prefix, sizeof(line) - prefix, fmt, ap);

	if (kmsg < 0 || len < 0)
		return;
	len += prefix;
	if (len >= (int)sizeof(line))
		len = sizeof(line) - 1;
	if (write(kmsg, line, len) < 0)
		return; /* there is nobody else to tell */
}

void klog_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	klog(LEVEL_ERROR, fmt, ap);
	va_end(ap);
}

void klog_debug(const char *fmt, ...)
{
	va_list ap;

	if (!debug_wanted)
		return;
	va_start(ap, fmt);
	klog(LEVEL_INFO, fmt, ap);
	va_end(ap);
}
