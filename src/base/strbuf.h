/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A growing byte string. A zeroed struct is an empty one, whose `data` is NULL; as soon as
 * anything was added `data` has a NUL behind its `len` bytes, which may hold NULs too.
 * strbuf_text() is for readers that may meet an empty one.
 */
#pragma once

#include <stdarg.h>

#include "base/mem.h"

struct strbuf {
	char *data;
	size_t len;
	size_t cap;
};

void strbuf_add(struct strbuf *sb, const void *data, size_t len);
void strbuf_adds(struct strbuf *sb, const char *s);
void strbuf_addc(struct strbuf *sb, char c);
void strbuf_addf(struct strbuf *sb, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list ap);
/* Make room for `len` more bytes, and return where they go. The caller then raises sb->len
 * by what it wrote. */
char *strbuf_grow(struct strbuf *sb, size_t len);
/* The bytes with a NUL behind them, never NULL; valid until the next change. */
static inline const char *strbuf_text(const struct strbuf *sb)
{
	return sb->data ? sb->data : "";
}
/* Drop the first `len` bytes. */
void strbuf_consume(struct strbuf *sb, size_t len);
void strbuf_clear(struct strbuf *sb);
/* The string, never NULL, now belongs to the caller, and the strbuf is empty. */
char *strbuf_detach(struct strbuf *sb);
void strbuf_done(struct strbuf *sb);

#define CLEANUP_STRBUF CLEANUP(strbuf_done)
