/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/name.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

int name_check(const char *what, const char *name, struct error *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strlen(name);

	if (len >= 1 && len <= NAME_LENGTH_MAX && isalnum((unsigned char)name[0]) &&
		!name[strspn(name, allowed)])
		return 0;
	return error_set(err, EINVAL,
		"name %s '%.100s': a name has 1 to %d letters, digits, dots, hyphens and "
		"underscores, and begins with a letter or digit",
		what, name, NAME_LENGTH_MAX);
}
