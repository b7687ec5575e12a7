/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes as hexadecimal digits. */
#include "base/hex.h"

#include <stdio.h>

void hex_encode(const uint8_t *bytes, size_t len, char *ret)
{
	for (size_t i = 0; i < len; i++) {
		*ret++ = HEX_DIGITS[bytes[i] >> 4];
		*ret++ = HEX_DIGITS[bytes[i] & 15];
	}
	*ret = '\0';
}

void uuid_format(const uint8_t uuid[static UUID_LEN], char ret[static UUID_TEXT_LEN + 1])
{
	char hex[2 * UUID_LEN + 1];

	hex_encode(uuid, UUID_LEN, hex);
	snprintf(ret, UUID_TEXT_LEN + 1, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8,
		hex + 12, hex + 16, hex + 20);
}
