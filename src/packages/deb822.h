/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Debian's control files, one token after another:
 *
 *	Package: acl                     DEB822_FIELD
 *	Depends: libacl1 (= 2.3.1-3),    DEB822_FIELD, its value reaches over both lines
 *	 libc6 (>= 2.34)
 *	                                 DEB822_STANZA_END
 *	Package: …                       … DEB822_END
 *
 * Pure and without copies: names and values point into the text, and are not
 * NUL-terminated. The text must end with a newline: dpkg writes it so, and one that does
 * not was cut.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum deb822_token {
	DEB822_ERROR = -1,
	DEB822_END, /* of the text; a stanza that was open has been ended before */
	DEB822_FIELD,
	DEB822_STANZA_END,
};

struct deb822 {
	const char *pos;
	const char *end;
	const char *name; /* of the file, for errors */
	size_t line;	  /* at pos, from 1 */
	bool in_stanza;
};

struct deb822_field {
	const char *name;
	size_t name_len;
	const char *value; /* without the white space around it */
	size_t value_len;
	size_t line;
};

void deb822_init(struct deb822 *p, const char *text, size_t len, const char *name);
enum deb822_token deb822_next(
	struct deb822 *p, struct deb822_field *ret, struct error *err);
/* Field names know no case. */
bool deb822_field_is(const struct deb822_field *field, const char *name);
