/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What pacman's packages need and provide ("bash>=4", "libx.so=1-64"), and the order of
 * versions, [EPOCH:]VERSION[-RELEASE], as vercmp(8) has it:
 *
 *	1.0a < 1.0b < 1.0beta < 1.0p < 1.0pre < 1.0rc < 1.0 < 1.0.a < 1.0.1
 *
 * Pure. The order is not that of base/version.h: letters at the end make a version earlier,
 * and '~' is a separator like any other.
 */
#include <ctype.h>
#include <string.h>

#include "packages/pacman.h"

/* ---- Versions ---- */

struct span {
	const char *pos;
	const char *end;
};

static size_t span_len(const struct span *s)
{
	return s->end - s->pos;
}

static bool starts_with(const struct span *s, int (*is_kind)(int))
{
	return s->pos < s->end && is_kind((unsigned char)*s->pos);
}

/* Cut the characters of a kind off the front. */
static struct span take(struct span *s, int (*is_kind)(int))
{
	struct span taken = {s->pos, s->pos};

	while (starts_with(s, is_kind))
		s->pos++;
	taken.end = s->pos;
	return taken;
}

static int is_separator(int c)
{
	return !isalnum(c);
}

static int is_zero(int c)
{
	return c == '0';
}

static int sign(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int compare_numbers(struct span a, struct span b)
{
	take(&a, is_zero);
	take(&b, is_zero);
	int diff = sign(span_len(&a), span_len(&b));
	return diff ? diff : memcmp(a.pos, b.pos, span_len(&a));
}

static int compare_words(struct span a, struct span b)
{
	int diff = memcmp(a.pos, b.pos, MIN(span_len(&a), span_len(&b)));
	return diff ? diff : sign(span_len(&a), span_len(&b));
}

/* Both start with a letter or a digit. Numbers are later than words. */
static int compare_segments(struct span *a, struct span *b)
{
	bool is_number = starts_with(a, isdigit);

	if (is_number != starts_with(b, isdigit))
		return is_number ? 1 : -1;
	struct span part_a = take(a, is_number ? isdigit : isalpha);
	struct span part_b = take(b, is_number ? isdigit : isalpha);
	return is_number ? compare_numbers(part_a, part_b)
			 : compare_words(part_a, part_b);
}

/* What is left when one is a prefix of the other. If the rest begins with a letter, the
 * longer version is earlier (1.0rc < 1.0), else later. */
static int compare_rests(const struct span *a, const struct span *b)
{
	if (!span_len(a) && !span_len(b))
		return 0;
	if (starts_with(a, isalpha))
		return -1;
	if (!span_len(a))
		return starts_with(b, isalpha) ? 1 : -1;
	return 1;
}

static int compare_parts(struct span a, struct span b)
{
	while (span_len(&a) && span_len(&b)) {
		struct span gap_a = take(&a, is_separator);
		struct span gap_b = take(&b, is_separator);
		if (!span_len(&a) || !span_len(&b))
			break;
		int diff = sign(span_len(&gap_a), span_len(&gap_b));
		if (!diff)
			diff = compare_segments(&a, &b);
		if (diff)
			return diff;
	}
	return compare_rests(&a, &b);
}

struct version {
	struct span epoch, version, release;
	bool has_release;
};

static struct version split_version(const char *text)
{
	static const char no_epoch[] = "0";
	struct version v = {.epoch = {no_epoch, no_epoch + 1}};
	const char *end = text + strlen(text);
	const char *colon = text + strspn(text, "0123456789");

	if (*colon == ':') {
		if (colon > text)
			v.epoch = (struct span){text, colon};
		text = colon + 1;
	}
	const char *hyphen = strrchr(text, '-');
	v.has_release = hyphen != NULL;
	v.version = (struct span){text, hyphen ? hyphen : end};
	v.release = (struct span){hyphen ? hyphen + 1 : end, end};
	return v;
}

int pacman_version_compare(const char *a, const char *b)
{
	struct version va = split_version(a);
	struct version vb = split_version(b);

	int diff = compare_parts(va.epoch, vb.epoch);
	if (!diff)
		diff = compare_parts(va.version, vb.version);
	if (!diff && va.has_release && vb.has_release)
		diff = compare_parts(va.release, vb.release);
	return diff;
}

/* ---- Relations ---- */

static const struct relation_spelling operators[] = {
	{"<=", RELATION_EARLIER_OR_EQUAL},
	{"<", RELATION_EARLIER},
	{">=", RELATION_LATER_OR_EQUAL},
	{">", RELATION_LATER},
	{"=", RELATION_EQUAL},
};

int pacman_relation_parse(struct arena *arena, const char *text, struct relation *ret)
{
	struct relation rel = {0};
	/* A reason may follow: "cups: for printing". */
	const char *end = strstr(text, ": ");
	size_t len = end ? (size_t)(end - text) : strlen(text);
	size_t name_len = MIN(strcspn(text, "<>="), len);

	if (!name_len)
		return -1;
	rel.name = arena_strndup(arena, text, name_len);
	if (!end)
		end = text + len;
	text += name_len;
	if (text < end &&
		relation_take_operator(operators, ARRAY_SIZE(operators), &text, &rel.op))
		rel.version = arena_strndup(arena, text, end - text);
	*ret = rel;
	return 0;
}
