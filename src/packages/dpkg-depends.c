/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Relations between packages, as Depends, Pre-Depends and Provides write them:
 *
 *	libc6 (>= 2.34), default-mta | mail-transport-agent, python3:any
 *
 * and the order of versions, [EPOCH:]UPSTREAM[-REVISION]. Pure. The restrictions of source
 * packages ("[linux-any]", "<!nocheck>") are resolved when a package is built, so here they
 * are errors.
 */
#include <string.h>

#include "base/version.h"
#include "packages/dpkg.h"

/* What ends a word of a relation. */
#define DELIMITERS " \t\r\n,|:()[]<>="
#define BLANKS	   " \t\r\n"

static const struct relation_spelling operators[] = {
	{"<<", RELATION_EARLIER},
	{"<=", RELATION_EARLIER_OR_EQUAL},
	{">>", RELATION_LATER},
	{">=", RELATION_LATER_OR_EQUAL},
	{"=", RELATION_EQUAL},
	/* Old spellings, which never meant the strict order. */
	{"<", RELATION_EARLIER_OR_EQUAL},
	{">", RELATION_LATER_OR_EQUAL},
};

static void skip_blanks(const char **text)
{
	*text += strspn(*text, BLANKS);
}

static bool take_char(const char **text, char c)
{
	skip_blanks(text);
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

static const char *take_word(
	struct arena *arena, const char **text, const char *delimiters)
{
	skip_blanks(text);
	size_t len = strcspn(*text, delimiters);
	if (!len)
		return NULL;
	const char *word = arena_strndup(arena, *text, len);
	*text += len;
	return word;
}

/* What is in the parentheses, and the closing one. */
static int take_version(struct arena *arena, const char **text, struct relation *rel)
{
	skip_blanks(text);
	if (!relation_take_operator(operators, ARRAY_SIZE(operators), text, &rel->op))
		return -1;
	rel->version = take_word(arena, text, BLANKS ",|()");
	return rel->version && take_char(text, ')') ? 0 : -1;
}

int dpkg_relation_next(
	struct arena *arena, const char **text, struct relation *ret, struct error *err)
{
	struct relation rel = {0};
	const char *start;

	/* Lists that programs have written may have empty places: "a, , b". */
	while (take_char(text, ','))
		;
	start = *text;
	if (!*start)
		return 0;
	rel.name = take_word(arena, text, DELIMITERS);
	if (!rel.name)
		goto malformed;
	if (**text == ':') {
		(*text)++;
		rel.arch = take_word(arena, text, DELIMITERS);
		if (!rel.arch)
			goto malformed;
	}
	if (take_char(text, '(') && take_version(arena, text, &rel) < 0)
		goto malformed;
	rel.or_next = take_char(text, '|');
	skip_blanks(text);
	if (rel.or_next ? !**text || **text == ',' : **text && !take_char(text, ','))
		goto malformed;
	*ret = rel;
	return 1;

malformed:
	return error_set(err, 0, "can't read the relation '%.*s'",
		(int)MIN(strcspn(start, ",\n"), 100), start);
}

struct version {
	const char *epoch, *upstream, *revision;
	size_t epoch_len, upstream_len, revision_len;
};

static struct version split_version(const char *s)
{
	struct version v = {.upstream = s};
	const char *colon = strchr(s, ':');
	if (colon) {
		v.epoch = s;
		v.epoch_len = colon - s;
		v.upstream = colon + 1;
	}
	const char *hyphen = strrchr(v.upstream, '-');
	v.upstream_len = hyphen ? (size_t)(hyphen - v.upstream) : strlen(v.upstream);
	v.revision = hyphen ? hyphen + 1 : "";
	v.revision_len = strlen(v.revision);
	if (!v.epoch)
		v.epoch = "";
	return v;
}

int dpkg_version_compare(const char *a, const char *b)
{
	struct version va = split_version(a);
	struct version vb = split_version(b);

	int diff = version_compare(va.epoch, va.epoch_len, vb.epoch, vb.epoch_len);
	if (!diff)
		diff = version_compare(
			va.upstream, va.upstream_len, vb.upstream, vb.upstream_len);
	if (!diff)
		diff = version_compare(
			va.revision, va.revision_len, vb.revision, vb.revision_len);
	return diff;
}
