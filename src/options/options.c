/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options as typed rows: options.h. */
#include "options/options.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/quantity.h"

#define HELP_COLUMN 30
#define HELP_WIDTH  100
/* Longer words are not guessed at. */
#define GUESS_MAX 40

static const char *current_command = "hypermin";

int options_complain(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", current_command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return OPTIONS_MISUSED;
}

void options_list_add(struct option_list *list, const char *word)
{
	list->items = xreallocarray(list->items, list->len + 2, sizeof(list->items[0]));
	list->items[list->len++] = word;
	list->items[list->len] = NULL;
}

/* ---- What was meant ---- */

/* How many letters to insert, remove, replace or exchange with their neighbour. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][GUESS_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];
	size_t len_a = strlen(a), len_b = strlen(b);

	for (size_t j = 0; j <= len_b; j++)
		last[j] = j;
	for (size_t i = 1; i <= len_a; i++) {
		now[0] = i;
		for (size_t j = 1; j <= len_b; j++) {
			now[j] = last[j - 1] + (a[i - 1] != b[j - 1]);
			now[j] = MIN(now[j], last[j] + 1);
			now[j] = MIN(now[j], now[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
				a[i - 2] == b[j - 1])
				now[j] = MIN(now[j], before[j - 2] + 1);
		}
		size_t *free_row = before;
		before = last;
		last = now;
		now = free_row;
	}
	return last[len_b];
}

void options_guess_offer(struct options_guess *guess, const char *known)
{
	size_t len = strlen(guess->word);

	if (len > GUESS_MAX || strlen(known) > GUESS_MAX)
		return;
	size_t distance = edit_distance(guess->word, known);
	if (distance > len / 3 || (guess->best && distance >= guess->distance))
		return;
	guess->best = known;
	guess->distance = distance;
}

/* ---- Help ---- */

static bool may_lack_value(const struct option_row *row)
{
	return row->value && strncmp(row->value, "[=", 2) == 0;
}

/* From HELP_COLUMN, where the cursor is, with line breaks. */
static void print_wrapped(const char *text)
{
	int column = HELP_COLUMN;

	for (;;) {
		int len = strcspn(text, " ");
		column += printf("%.*s", len, text);
		if (!text[len])
			break;
		text += len + 1;
		bool fits = column + 1 + (int)strcspn(text, " ") <= HELP_WIDTH;
		printf("%s%*s", fits ? "" : "\n", fits ? 1 : HELP_COLUMN, "");
		column = fits ? column + 1 : HELP_COLUMN;
	}
	putchar('\n');
}

static void print_help(const struct options *o)
{
	const char *last_title = NULL;

	printf("%s\n", o->usage);
	for (const struct option_group *g = o->groups; g->rows; g++) {
		const char *title = g->title ? g->title : "Options";
		if (!last_title || strcmp(title, last_title) != 0)
			printf("\n%s:\n", title);
		last_title = title;
		for (const struct option_row *row = g->rows; row->kind; row++) {
			char letter[5] = "    ";
			if (row->letter)
				snprintf(letter, sizeof(letter), "-%c, ", row->letter);
			int len = printf("  %s--%s%s%s", letter, row->name,
				row->value && !may_lack_value(row) ? " " : "",
				row->value ? row->value : "");
			if (len >= HELP_COLUMN)
				putchar('\n');
			printf("%*s", len < HELP_COLUMN ? HELP_COLUMN - len : HELP_COLUMN,
				"");
			print_wrapped(row->help);
		}
	}
}

static void list_options(const struct options *o)
{
	for (const struct option_group *g = o->groups; g->rows; g++)
		for (const struct option_row *row = g->rows; row->kind; row++)
			printf("--%s\t%s%c\t%s\t%s\n", row->name, row->letter ? "-" : "",
				row->letter ? row->letter : ' ',
				row->value ? row->value : "", row->help);
}

/* ---- Finding a row ---- */

struct found {
	const struct option_group *group;
	const struct option_row *row;
};

/* By its name, or by the beginning of its name if no other option begins like this. */
static int find_long(
	const struct options *o, const char *name, size_t len, struct found *ret)
{
	CLEANUP_FREE char *word = xstrndup(name, len);
	struct options_guess guess = {.word = word};
	const struct option_row *other = NULL;

	*ret = (struct found){0};
	for (const struct option_group *g = o->groups; g->rows; g++)
		for (const struct option_row *row = g->rows; row->kind; row++) {
			if (strcmp(row->name, word) == 0) {
				*ret = (struct found){g, row};
				return 0;
			}
			options_guess_offer(&guess, row->name);
			if (strncmp(row->name, word, len) != 0)
				continue;
			if (ret->row)
				other = row;
			else
				*ret = (struct found){g, row};
		}
	if (other)
		return options_complain(
			"option '--%s' could be --%s or --%s: write it out", word,
			ret->row->name, other->name);
	if (ret->row)
		return 0;
	if (guess.best)
		return options_complain("there is no option '--%s'; did you mean '--%s'?",
			word, guess.best);
	return options_complain("there is no option '--%s'; %s --help lists the options",
		word, o->command);
}

static int find_letter(const struct options *o, char letter, struct found *ret)
{
	for (const struct option_group *g = o->groups; g->rows; g++)
		for (const struct option_row *row = g->rows; row->kind; row++)
			if (row->letter == letter) {
				*ret = (struct found){g, row};
				return 0;
			}
	return options_complain("there is no option '-%c'; %s --help lists the options",
		letter, o->command);
}

/* ---- Taking a value ---- */

static int take_choice(const struct option_row *row, const char *value, int *ret)
{
	size_t len = strlen(value);
	int i = 0;

	for (const char *word = row->value;; i++) {
		size_t word_len = strcspn(word, "|");
		if (word_len == len && memcmp(word, value, len) == 0) {
			*ret = i;
			return 0;
		}
		if (!word[word_len])
			break;
		word += word_len + 1;
	}
	return options_complain(
		"--%s takes one of %s, not '%s'", row->name, row->value, value);
}

static int take_number(const struct option_row *row, const char *value, unsigned *ret)
{
	unsigned max = row->max ? row->max : UINT_MAX;
	uint64_t n;

	if (!quantity_parse_number(value, row->min, max, &n))
		return options_complain("--%s takes a number from %u to %u, not '%s'",
			row->name, row->min, max, value);
	*ret = n;
	return 0;
}

static int take_value(const struct found *f, void *target, const char *value)
{
	const struct option_row *row = f->row;
	void *member = (char *)target + f->group->offset + row->offset;

	if (value && !*value && !row->may_be_empty)
		return options_complain(
			"--%s has an empty value; leave the option out, or "
			"give it a %s",
			row->name, row->value);
	if (f->group->mark)
		*(const char **)((char *)target + f->group->mark) = row->name;
	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)member = true;
		return 0;
	case OPTION_COUNT:
		++*(int *)member;
		return 0;
	case OPTION_TEXT:
		*(const char **)member = value;
		return 0;
	case OPTION_LIST:
		options_list_add(member, value);
		return 0;
	case OPTION_NUMBER:
		return take_number(row, value, member);
	case OPTION_SIZE:
		if (quantity_parse_size(value, "bKMGT", member))
			return 0;
		return options_complain(
			"--%s takes a size in bytes, or a number with K, M, "
			"G or T, not '%s'",
			row->name, value);
	case OPTION_SECONDS:
		if (quantity_parse_seconds(value, member))
			return 0;
		return options_complain(
			"--%s takes a number of seconds, not '%s'", row->name, value);
	case OPTION_CHOICE:
		return take_choice(row, value, member);
	case OPTION_CALL:
		return row->take(row, member, value);
	}
	abort();
}

/* ---- Parsing ---- */

/* argv[*i] is "--NAME", "--NAME=VALUE", or "--NAME" and VALUE is the next word. */
static int parse_long(const struct options *o, char **argv, int *i, void *target)
{
	const char *name = argv[*i] + 2;
	size_t len = strcspn(name, "=");
	const char *value = name[len] ? name + len + 1 : NULL;
	struct found f;

	if (find_long(o, name, len, &f) < 0)
		return OPTIONS_MISUSED;
	if (!f.row->value && value)
		return options_complain("option '--%s' takes no value", f.row->name);
	if (f.row->value && !value && !may_lack_value(f.row) && !(value = argv[++*i]))
		return options_complain(
			"option '--%s' needs a value: %s", f.row->name, f.row->value);
	return take_value(&f, target, value);
}

/* argv[*i] is "-LETTER…", with the value of the last one behind it or in the next word. */
static int parse_letters(const struct options *o, char **argv, int *i, void *target)
{
	struct found f = {0};

	for (const char *p = argv[*i] + 1; *p; p++) {
		const char *value = NULL;
		if (find_letter(o, *p, &f) < 0)
			return OPTIONS_MISUSED;
		if (f.row->value && !(value = p[1] ? p + 1 : argv[++*i]))
			return options_complain(
				"option '-%c' needs a value: %s", *p, f.row->value);
		int result = take_value(&f, target, value);
		if (result < 0 || value)
			return result;
	}
	return 0;
}

static int refuse_word(const struct options *o, const char *word)
{
	if (o->hint)
		return options_complain("unexpected word '%s': %s", word, o->hint);
	return options_complain("unexpected word '%s'", word);
}

int options_parse(const struct options *o, int argc, char **argv, void *target)
{
	int words = 1;
	int i;

	current_command = o->command;
	for (i = 1; i < argc; i++) {
		char *word = argv[i];
		int result = 0;
		if (strcmp(word, "--") == 0) {
			i++;
			break;
		}
		if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
			print_help(o);
			return OPTIONS_HELPED;
		}
		if (strcmp(word, "--list-options") == 0) {
			list_options(o);
			return OPTIONS_HELPED;
		}
		if (word[0] != '-' || !word[1]) {
			if (o->words != WORDS_MIXED)
				break;
			/* Its place was read before. */
			argv[words++] = word;
			continue;
		}
		result = word[1] == '-' ? parse_long(o, argv, &i, target)
					: parse_letters(o, argv, &i, target);
		if (result < 0)
			return result;
	}
	if (o->words == WORDS_NONE && i < argc)
		return refuse_word(o, argv[i]);
	if (o->words != WORDS_MIXED)
		return i;
	/* The words go to the end, in their order. */
	int behind = argc - i;
	memmove(argv + words, argv + i, behind * sizeof(argv[0]));
	words += behind;
	memmove(argv + argc - (words - 1), argv + 1, (words - 1) * sizeof(argv[0]));
	return argc - (words - 1);
}
