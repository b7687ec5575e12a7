/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest writes error messages and disk serial numbers that end up on the user's
 * terminal. An escape sequence in one could retitle the window, move the cursor over
 * other text or worse, so only printable ASCII and well-formed UTF-8 above the C1
 * controls pass.
 */
#include "base/printable.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool is_continuation(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The length of the printable character at s, or 0. */
static size_t character_len(const uint8_t *s, size_t len)
{
	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f ? 1 : 0;
	if (s[0] >= 0xc2 && s[0] < 0xe0 && len >= 2 && is_continuation(s[1]))
		return s[0] == 0xc2 && s[1] < 0xa0 ? 0 : 2; /* C1 controls */
	if (s[0] >= 0xe0 && s[0] < 0xf0 && len >= 3 && is_continuation(s[1]) &&
		is_continuation(s[2])) {
		bool overlong = s[0] == 0xe0 && s[1] < 0xa0;
		bool surrogate = s[0] == 0xed && s[1] >= 0xa0;
		/* U+2028 to U+202E: line separators and text direction. */
		bool directs =
			s[0] == 0xe2 && s[1] == 0x80 && s[2] >= 0xa8 && s[2] <= 0xae;

		return overlong || surrogate || directs ? 0 : 3;
	}
	if (s[0] >= 0xf0 && s[0] < 0xf5 && len >= 4 && is_continuation(s[1]) &&
		is_continuation(s[2]) && is_continuation(s[3])) {
		bool overlong = s[0] == 0xf0 && s[1] < 0x90;
		bool too_high = s[0] == 0xf4 && s[1] >= 0x90;

		return overlong || too_high ? 0 : 4;
	}
	return 0;
}

void printable_copy(char *ret, size_t size, const void *text, size_t len)
{
	const uint8_t *s = text;
	size_t used = 0;

	while (len > 0) {
		size_t n = character_len(s, len);
		size_t step = n ? n : 1;

		if (used + step >= size)
			break;
		if (n)
			memcpy(ret + used, s, n);
		else
			ret[used] = '?';
		used += step;
		s += step;
		len -= step;
	}
	ret[used] = '\0';
}
