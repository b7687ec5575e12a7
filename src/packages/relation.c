/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "packages/relation.h"

#include <string.h>

bool relation_take_operator(const struct relation_spelling *spellings, size_t n,
	const char **text, enum relation_operator *ret)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(spellings[i].text);
		if (strncmp(*text, spellings[i].text, len) == 0) {
			*text += len;
			*ret = spellings[i].op;
			return true;
		}
	}
	return false;
}

bool relation_holds(const struct relation *relation, const char *version,
	int (*compare)(const char *a, const char *b))
{
	if (relation->op == RELATION_ANY_VERSION)
		return true;
	if (!version)
		return false;
	int diff = compare(version, relation->version);
	switch (relation->op) {
	case RELATION_EARLIER:
		return diff < 0;
	case RELATION_EARLIER_OR_EQUAL:
		return diff <= 0;
	case RELATION_EQUAL:
		return diff == 0;
	case RELATION_LATER_OR_EQUAL:
		return diff >= 0;
	case RELATION_LATER:
		return diff > 0;
	case RELATION_ANY_VERSION:
		break;
	}
	return true;
}
