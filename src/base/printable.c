/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text made safe for a terminal. */
#include "base/printable.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/macros.h"
#include "base/mem.h"
#include "base/utf8.h"

/* What moves other text or can't be seen. */
static const struct {
	uint32_t first, last;
} harmful[] = {
	{0x80, 0x9f},	    /* C1 controls */
	{0xad, 0xad},	    /* soft hyphen */
	{0x61c, 0x61c},	    /* direction */
	{0x180e, 0x180e},   /* no width */
	{0x200b, 0x200f},   /* no width, direction */
	{0x2028, 0x202e},   /* line separators, direction */
	{0x2060, 0x206f},   /* no width, direction */
	{0xfeff, 0xfeff},   /* no width */
	{0xfff9, 0xfffb},   /* annotations */
	{0xe0000, 0xe007f}, /* tags, which nothing shows */
};

/* Of a well-formed character of n bytes. */
static bool is_harmless(const uint8_t *s, size_t n)
{
	if (n == 1)
		return (s[0] >= 0x20 && s[0] != 0x7f) || s[0] == '\t';
	uint32_t character = s[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++)
		character = character << 6 | (s[i] & 0x3f);
	for (size_t i = 0; i < ARRAY_SIZE(harmful); i++)
		if (character >= harmful[i].first && character <= harmful[i].last)
			return false;
	return true;
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
