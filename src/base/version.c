/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order of versions: see version.h. A string is taken as pairs of (text, number),
 * either of which may be empty; an empty text ends where a digit or the end of the string
 * is, and both of these weigh 0. Numbers have any length: they are never converted.
 */
#include "base/version.h"

#include <stdbool.h>
#include <string.h>

struct cursor {
	const char *p;
	const char *end;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool in_text(const struct cursor *c)
{
	return c->p < c->end && !is_digit(*c->p);
}

static int weight(const struct cursor *c)
{
	if (!in_text(c))
		return 0;
	if (*c->p == '~')
		return -1;
	return (unsigned char)*c->p + (is_letter(*c->p) ? 0 : 256);
}

static int compare_text(struct cursor *a, struct cursor *b)
{
	while (in_text(a) || in_text(b)) {
		int diff = weight(a) - weight(b);
		if (diff)
			return diff;
		a->p++;
		b->p++;
	}
	return 0;
}

static size_t skip_number(struct cursor *c)
{
	while (c->p < c->end && *c->p == '0')
		c->p++;
	const char *start = c->p;
	while (c->p < c->end && is_digit(*c->p))
		c->p++;
	return c->p - start;
}

static int compare_number(struct cursor *a, struct cursor *b)
{
	size_t a_digits = skip_number(a);
	size_t b_digits = skip_number(b);

	if (a_digits != b_digits)
		return a_digits < b_digits ? -1 : 1;
	return memcmp(a->p - a_digits, b->p - b_digits, a_digits);
}

int version_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	struct cursor ca = {a, a + a_len};
	struct cursor cb = {b, b + b_len};

	while (ca.p < ca.end || cb.p < cb.end) {
		int diff = compare_text(&ca, &cb);
		if (!diff)
			diff = compare_number(&ca, &cb);
		if (diff)
			return diff;
	}
	return 0;
}
