/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a package asks of another one: "a (>= 1) | b", "bash>=4". */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum relation_operator {
	RELATION_ANY_VERSION,
	RELATION_EARLIER,
	RELATION_EARLIER_OR_EQUAL,
	RELATION_EQUAL,
	RELATION_LATER_OR_EQUAL,
	RELATION_LATER,
};

struct relation {
	const char *name;
	/* dpkg's, behind the colon; or NULL. */
	const char *arch;
	enum relation_operator op;
	/* NULL with RELATION_ANY_VERSION. */
	const char *version;
	/* dpkg's: the next relation is an alternative to this one. */
	bool or_next;
};

struct relation_spelling {
	const char *text;
	enum relation_operator op;
};

/* Take an operator off the front of the text. False: there is none. A spelling must come
 * before those that it begins with. */
bool relation_take_operator(const struct relation_spelling *spellings, size_t n,
	const char **text, enum relation_operator *ret);
/* Does a version satisfy the relation? NULL is no version. */
bool relation_holds(const struct relation *relation, const char *version,
	int (*compare)(const char *a, const char *b));
