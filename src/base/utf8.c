/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of RFC 3629, section 4: the first byte tells the length, and the bounds of the
 * second byte exclude what is not well-formed. */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#include "base/macros.h"

static const struct {
	uint8_t first, last;
	uint8_t len;
	uint8_t second_min, second_max;
} forms[] = {
	{0x00, 0x7f, 1, 0, 0},
	{0xc2, 0xdf, 2, 0x80, 0xbf},
	{0xe0, 0xe0, 3, 0xa0, 0xbf},
	{0xe1, 0xec, 3, 0x80, 0xbf},
	{0xed, 0xed, 3, 0x80, 0x9f},
	{0xee, 0xef, 3, 0x80, 0xbf},
	{0xf0, 0xf0, 4, 0x90, 0xbf},
	{0xf1, 0xf3, 4, 0x80, 0xbf},
	{0xf4, 0xf4, 4, 0x80, 0x8f},
};

size_t utf8_character_len(const char *text, size_t len)
{
	const uint8_t *s = (const uint8_t *)text;

	for (size_t i = 0; len && i < ARRAY_SIZE(forms); i++) {
		if (s[0] < forms[i].first || s[0] > forms[i].last)
			continue;
		size_t n = forms[i].len;
		if (n > len)
			return 0;
		if (n > 1 && (s[1] < forms[i].second_min || s[1] > forms[i].second_max))
			return 0;
		for (size_t k = 2; k < n; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return n;
	}
	return 0;
}

bool utf8_is_valid(const char *s)
{
	size_t n, len = strlen(s);

	for (; len; s += n, len -= n)
		if (!(n = utf8_character_len(s, len)))
			return false;
	return true;
}
