/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/message.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/printable.h"

/* Its arguments have other types with each call, so they are taken one by one. */
struct arguments {
	va_list ap;
};

/* "%-*.3lu", with the numbers of its stars. */
struct conversion {
	char flags[8];
	int width, precision; /* -1: none */
	char length[3], kind;
};

struct output {
	char *text;
	size_t size, used;
};

static void put(struct output *out, const char *bytes, size_t len)
{
	len = MIN(len, out->size - 1 - out->used);
	memcpy(out->text + out->used, bytes, len);
	out->used += len;
}

static void pad(struct output *out, int width, size_t len)
{
	for (int i = len; i < width; i++)
		put(out, " ", 1);
}

static int read_number(const char **fmt, struct arguments *args)
{
	int n = 0;

	if (**fmt == '*') {
		(*fmt)++;
		return va_arg(args->ap, int);
	}
	while (**fmt >= '0' && **fmt <= '9')
		n = n * 10 + *(*fmt)++ - '0';
	return n;
}

static size_t copy_span(char *ret, size_t size, const char *from, const char *accepted)
{
	size_t len = strspn(from, accepted);

	assert(len < size);
	memcpy(ret, from, len);
	ret[len] = '\0';
	return len;
}

/* `fmt` stands behind the '%'. */
static const char *read_conversion(
	const char *fmt, struct arguments *args, struct conversion *ret)
{
	fmt += copy_span(ret->flags, sizeof(ret->flags), fmt, "-+ #0");
	ret->width = *fmt == '*' || (*fmt >= '1' && *fmt <= '9') ? read_number(&fmt, args)
								 : -1;
	ret->precision = -1;
	if (*fmt == '.') {
		fmt++;
		ret->precision = read_number(&fmt, args);
	}
	fmt += copy_span(ret->length, sizeof(ret->length), fmt, "hljzt");
	ret->kind = *fmt;
	return fmt + (*fmt != '\0');
}

static void put_text(struct output *out, const struct conversion *c, const char *text)
{
	bool is_ours = strchr(c->flags, '-') && c->width < 0;
	size_t begin = out->used;

	if (!text)
		text = "(null)";
	size_t len = c->precision >= 0 ? strnlen(text, c->precision) : strlen(text);
	if (!strchr(c->flags, '-'))
		pad(out, c->width, len);
	for (size_t at = 0, n; at < len; at += n) {
		if (is_ours && text[at] == '\n') {
			n = 1;
			put(out, "\n", 1);
			continue;
		}
		const char *line_end = is_ours ? memchr(text + at, '\n', len - at) : NULL;
		n = line_end ? (size_t)(line_end - text) - at : len - at;
		printable_copy(
			out->text + out->used, out->size - out->used, text + at, n);
		out->used += strlen(out->text + out->used);
	}
	if (strchr(c->flags, '-'))
		pad(out, c->width, out->used - begin);
}

static intmax_t take_signed(const struct conversion *c, struct arguments *args)
{
	switch (c->length[0]) {
	case 'l':
		return c->length[1] ? va_arg(args->ap, long long)
				    : va_arg(args->ap, long);
	case 'j':
		return va_arg(args->ap, intmax_t);
	case 'z':
	case 't':
		return va_arg(args->ap, ptrdiff_t);
	default:
		return va_arg(args->ap, int);
	}
}

static uintmax_t take_unsigned(const struct conversion *c, struct arguments *args)
{
	switch (c->length[0]) {
	case 'l':
		return c->length[1] ? va_arg(args->ap, unsigned long long)
				    : va_arg(args->ap, unsigned long);
	case 'j':
		return va_arg(args->ap, uintmax_t);
	case 'z':
	case 't':
		return va_arg(args->ap, size_t);
	default:
		return va_arg(args->ap, unsigned);
	}
}

/* The compiler has checked the format where it stands; here it is put together anew. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static void put_number(
	struct output *out, const struct conversion *c, struct arguments *args)
{
	char spec[24], text[128];

	snprintf(spec, sizeof(spec), "%%%s*.*j%c", c->flags, c->kind);
	int width = MAX(c->width, 0);
	int n = c->kind == 'd' || c->kind == 'i'
		? snprintf(text, sizeof(text), spec, width, c->precision,
			  take_signed(c, args))
		: snprintf(text, sizeof(text), spec, width, c->precision,
			  take_unsigned(c, args));
	put(out, text, MIN(n, (int)sizeof(text) - 1));
}

#pragma GCC diagnostic pop

static void put_conversion(
	struct output *out, const struct conversion *c, struct arguments *args)
{
	char one[2] = {0}, pointer[24];

	switch (c->kind) {
	case 's':
		put_text(out, c, va_arg(args->ap, const char *));
		return;
	case 'd':
	case 'i':
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		put_number(out, c, args);
		return;
	case 'c':
		one[0] = va_arg(args->ap, int);
		put_text(out, c, one);
		return;
	case 'p':
		snprintf(pointer, sizeof(pointer), "%p", va_arg(args->ap, void *));
		put_text(out, c, pointer);
		return;
	case '%':
		put(out, "%", 1);
		return;
	default:
		assert(!"a conversion that messages have");
	}
}

void message_format(char *ret, size_t size, const char *fmt, va_list ap)
{
	struct output out = {.text = ret, .size = size};
	struct arguments args;
	struct conversion c;

	va_copy(args.ap, ap);
	while (*fmt) {
		size_t len = strcspn(fmt, "%");
		put(&out, fmt, len);
		fmt += len;
		if (*fmt != '%')
			break;
		fmt = read_conversion(fmt + 1, &args, &c);
		put_conversion(&out, &c, &args);
	}
	va_end(args.ap);
	ret[out.used] = '\0';
}
