/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Quantities as people write them: quantity.h. */
#include "base/quantity.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* strtoull() would take white space and a sign in front. */
static bool parse_digits(const char *text, char **ret_end, uint64_t *ret)
{
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*ret = strtoull(text, ret_end, 10);
	return errno == 0;
}

bool quantity_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t n;
	char *end;

	if (!parse_digits(text, &end, &n) || *end || n < min || n > max)
		return false;
	*ret = n;
	return true;
}

bool quantity_parse_size(const char *text, const char *units, uint64_t *ret)
{
	uint64_t n;
	char *end;

	if (!parse_digits(text, &end, &n) || n == 0)
		return false;
	const char *unit = *end ? strchr(units, *end) : units;
	if (!unit || (*end && end[1]))
		return false;
	int shift = 10 * (unit - units);
	if (n > (uint64_t)INT64_MAX >> shift)
		return false;
	*ret = n << shift;
	return true;
}

/* Without strtod(), which takes white space, signs, exponents and hexadecimal digits, and whose
 * fraction begins with a comma in some locales. */
bool quantity_parse_seconds(const char *text, unsigned *ret_ms)
{
	const char *p = text;
	double seconds = 0, place = 1;

	for (; isdigit((unsigned char)*p); p++)
		seconds = seconds * 10 + (*p - '0');
	if (*p == '.')
		for (p++; isdigit((unsigned char)*p); p++)
			seconds += (*p - '0') * (place /= 10);
	if (*p || seconds <= 0 || seconds > 1e6)
		return false;
	*ret_ms = seconds * 1000 < 1 ? 1 : seconds * 1000 + 0.5;
	return true;
}
