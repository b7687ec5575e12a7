/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A growing byte string. Zero bytes are an empty one; `data` is NUL-terminated once
 * anything was added, and may hold NULs of its own within `len`.
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
/* Room for `len` more bytes, whose start is returned; raise sb->len by what was
 * written. */
char *strbuf_grow(struct strbuf *sb, size_t len);
/* Drop the first `len` bytes. */
void strbuf_consume(struct strbuf *sb, size_t len);
void strbuf_clear(struct strbuf *sb);
/* The string, now the caller's; never NULL. The strbuf is empty afterwards. */
char *strbuf_detach(struct strbuf *sb);
void strbuf_done(struct strbuf *sb);

#define CLEANUP_STRBUF CLEANUP(strbuf_done)
