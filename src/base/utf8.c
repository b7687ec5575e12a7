/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is it UTF-8? By the lengths that the first bytes promise; overlong forms are not looked
 * for beyond the plainest. */
#include "base/utf8.h"

/* How many bytes follow a first byte; -1 if it can't be one. */
static int following(unsigned char c)
{
	if (c < 0x80)
		return 0;
	if (c >= 0xc2 && c < 0xe0)
		return 1;
	if (c >= 0xe0 && c < 0xf0)
		return 2;
	return c >= 0xf0 && c < 0xf5 ? 3 : -1;
}

bool utf8_is_valid(const char *s)
{
	for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
		int n = following(*p);
		if (n < 0)
			return false;
		for (; n; n--)
			if ((*++p & 0xc0) != 0x80)
				return false;
	}
	return true;
}
