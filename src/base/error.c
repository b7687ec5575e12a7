/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The error object. A message too long for it is cut, never overrun. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void set(struct error *err, int num, const char *fmt, va_list ap)
{
	if (!err)
		return;
	err->num = num;
	int len = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	if (num && len >= 0 && (size_t)len < sizeof(err->msg))
		snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", strerror(num));
}

int error_set(struct error *err, int num, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(err, num, fmt, ap);
	va_end(ap);
	return -1;
}

void *error_null(struct error *err, int num, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(err, num, fmt, ap);
	va_end(ap);
	return NULL;
}

int error_prefix(struct error *err, const char *fmt, ...)
{
	struct error old;
	va_list ap;

	if (!err)
		return -1;
	old = *err;
	va_start(ap, fmt);
	int len = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	if (len >= 0 && (size_t)len < sizeof(err->msg))
		snprintf(err->msg + len, sizeof(err->msg) - len, ": %.*s",
			(int)(sizeof(err->msg) - len - 3), old.msg);
	return -1;
}
