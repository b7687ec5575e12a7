/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The error object. A message too long for it is cut, never overrun. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/message.h"

static void set(struct error *err, int num, const char *fmt, va_list ap)
{
	if (!err)
		return;
	err->num = num;
	message_format(err->msg, sizeof(err->msg), fmt, ap);
	size_t len = strlen(err->msg);
	if (num)
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
	message_format(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	int len = strlen(err->msg), left = sizeof(err->msg) - len;
	snprintf(err->msg + len, left, ": %.*s", MAX(left - 3, 0), old.msg);
	return -1;
}
