/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text made safe for a terminal. */
#include "base/printable.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

/* Of a well-formed character of n bytes. */
static bool is_harmless(const uint8_t *s, size_t n)
{
	if (n == 1)
		return (s[0] >= 0x20 && s[0] != 0x7f) || s[0] == '\t';
	/* C1 controls: U+0080 to U+009F. */
	if (s[0] == 0xc2 && s[1] < 0xa0)
		return false;
	/* U+2028 to U+202E: line separators and text direction. */
	return !(s[0] == 0xe2 && s[1] == 0x80 && s[2] >= 0xa8 && s[2] <= 0xae);
}

void printable_copy(char *ret, size_t size, const void *text, size_t len)
{
	const uint8_t *s = text;
	size_t used = 0;

	while (len > 0) {
		size_t n = utf8_character_len((const char *)s, len);
		bool harmless = n && is_harmless(s, n);
		size_t step = harmless ? n : 1;

		if (used + step >= size)
			break;
		if (harmless)
			memcpy(ret + used, s, n);
		else
			ret[used] = '?';
		used += step;
		s += step;
		len -= step;
	}
	ret[used] = '\0';
}

char *printable_dup(const char *text)
{
	size_t len = strlen(text);
	char *copy = xmalloc(len + 1);

	printable_copy(copy, len + 1, text, len);
	return copy;
}
