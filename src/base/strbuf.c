/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A growing byte string. */
#include "base/strbuf.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

char *strbuf_grow(struct strbuf *sb, size_t len)
{
	if (len >= SIZE_MAX / 2 || sb->len >= SIZE_MAX / 2)
		abort();
	size_t want = sb->len + len + 1;
	if (sb->cap < want) {
		sb->cap = MAX(want, sb->cap * 2);
		sb->data = xrealloc(sb->data, sb->cap);
		sb->data[sb->len] = '\0';
	}
	return sb->data + sb->len;
}

void strbuf_add(struct strbuf *sb, const void *data, size_t len)
{
	char *end = strbuf_grow(sb, len);
	if (len)
		memcpy(end, data, len);
	sb->len += len;
	sb->data[sb->len] = '\0';
}

void strbuf_adds(struct strbuf *sb, const char *s)
{
	strbuf_add(sb, s, strlen(s));
}

void strbuf_addc(struct strbuf *sb, char c)
{
	strbuf_add(sb, &c, 1);
}

void strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list ap)
{
	char *s;
	int len = vasprintf(&s, fmt, ap);
	if (len < 0)
		abort();
	strbuf_add(sb, s, len);
	free(s);
}

void strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(sb, fmt, ap);
	va_end(ap);
}

void strbuf_consume(struct strbuf *sb, size_t len)
{
	if (!len)
		return;
	memmove(sb->data, sb->data + len, sb->len - len + 1);
	sb->len -= len;
}

void strbuf_clear(struct strbuf *sb)
{
	sb->len = 0;
	if (sb->data)
		sb->data[0] = '\0';
}

char *strbuf_detach(struct strbuf *sb)
{
	strbuf_grow(sb, 0);
	char *s = sb->data;
	*sb = (struct strbuf){0};
	return s;
}

void strbuf_done(struct strbuf *sb)
{
	free(sb->data);
	*sb = (struct strbuf){0};
}
