/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines for a user who asks: log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/message.h"

static struct {
	log_handler_fn *fn;
	void *data;
	enum log_level max;
} sink;

void log_set_handler(log_handler_fn *fn, void *data, enum log_level max)
{
	sink.fn = fn;
	sink.data = data;
	sink.max = max;
}

enum log_level log_max_level(void)
{
	return sink.fn ? sink.max : LOG_LEVEL_WARNING;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	if (!sink.fn || level > sink.max)
		return;
	va_start(ap, fmt);
	message_format(line, sizeof(line), fmt, ap);
	va_end(ap);
	sink.fn(level, line, sink.data);
}
