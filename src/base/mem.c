/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Allocation that aborts when there is no memory: see mem.h for why. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void *check(void *ptr)
{
	if (!ptr) {
		static const char msg[] = "hypermin: out of memory\n";
		if (write(STDERR_FILENO, msg, sizeof(msg) - 1) < 0)
			abort();
		abort();
	}
	return ptr;
}

void *xmalloc(size_t size)
{
	return check(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return check(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *ptr, size_t size)
{
	return check(realloc(ptr, size ? size : 1));
}

void *xreallocarray(void *ptr, size_t count, size_t size)
{
	return check(reallocarray(ptr, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *s)
{
	return check(strdup(s));
}

char *xstrndup(const char *s, size_t len)
{
	return check(strndup(s, len));
}

void *xmemdup(const void *data, size_t len)
{
	void *copy = xmalloc(len);
	if (len)
		memcpy(copy, data, len);
	return copy;
}

char *xasprintf(const char *fmt, ...)
{
	char *s;
	va_list ap;

	va_start(ap, fmt);
	int len = vasprintf(&s, fmt, ap);
	va_end(ap);
	return check(len < 0 ? NULL : s);
}
