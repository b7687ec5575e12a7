/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options as typed rows. A row says how an option is written, what --help says of it, and
 * where its value goes: into a member of the command's struct, or to a function. A command
 * is a list of groups of rows; commands share groups.
 *
 *	static const struct option_row rows[] = {
 *		{OPTION_FLAG, "json", 0, NULL, "print JSON", offsetof(struct list, json)},
 *		{OPTION_SIZE, "max-size", 's', "SIZE", "…", offsetof(struct list, max)},
 *		{0},
 *	};
 *
 * The rows are all there is to know: parsing, --help, completion and the test of the
 * manual read them. `COMMAND --list-options` prints them for programs, one a line: name,
 * letter, value and help, with tabs between them.
 *
 * An option's value is never empty, unless its row says that it may be: an empty value is
 * most often a variable that is not set.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a row writes, and the type of the member at its offset. */
enum option_kind {
	OPTION_FLAG = 1, /* bool: true */
	OPTION_COUNT,	 /* int: one more each time */
	OPTION_TEXT,	 /* const char *: points into argv */
	OPTION_LIST,	 /* struct option_list: one word more */
	OPTION_NUMBER,	 /* unsigned: from min to max */
	OPTION_SIZE,	 /* uint64_t: bytes, from N[bKMGT]; more than 0 */
	OPTION_SECONDS,	 /* unsigned: milliseconds, from seconds and their fractions */
	OPTION_CHOICE,	 /* an enum: the index in `value`, words with '|' between them */
	OPTION_CALL,	 /* whatever take() makes of it */
};

struct option_row {
	/* 0 ends the rows. */
	enum option_kind kind;
	/* "disk" for --disk */
	const char *name;
	/* 'd' for -d, or 0 */
	char letter;
	/* How --help calls the value; NULL: the option takes none. "[=VALUE]": it may be
	 * left out, and is never the next word. */
	const char *value;
	const char *help;
	/* Of the member in the group's struct. */
	size_t offset;
	/* OPTION_NUMBER; max 0: no limit but the type's. */
	unsigned min, max;
	/*
	 * OPTION_CALL: takes the value (NULL where there is none) for what is at the
	 * row's offset. Returns 0, or a negative number after options_complain();
	 * options_parse() returns that.
	 */
	int (*take)(const struct option_row *row, void *member, const char *value);
	bool may_be_empty;
};

struct option_group {
	/* The heading in --help, NULL for "Options". Groups that follow each other and have
	 * the same title share it. A group without rows ends the list. */
	const char *title;
	const struct option_row *rows;
	/* Of the rows' struct in the command's. */
	size_t offset;
	/*
	 * Of a const char * in the command's struct, to which the name of any given option
	 * of this group is written; 0: none.
	 */
	size_t mark;
};

/* Words that are no options. */
enum option_words {
	/* are an error */
	WORDS_NONE,
	/* end the options: they are a command's */
	WORDS_LAST,
	/* stand among the options, in any order */
	WORDS_MIXED,
};

struct options {
	/* As messages begin: "hypermin run". */
	const char *command;
	/* What --help says before the options. */
	const char *usage;
	const struct option_group *groups;
	enum option_words words;
	/* With WORDS_NONE: what to do instead, or NULL. */
	const char *hint;
};

/* Words in the order given, NULL-terminated. Free `items`. */
struct option_list {
	const char **items;
	size_t len;
};

enum {
	OPTIONS_HELPED = 0,
	OPTIONS_MISUSED = -1,
};

/*
 * The words behind argv[0] that are no options are argv[N] and those that follow, up to
 * NULL, where N, more than 0, is what it returns (argc if there are none); with
 * WORDS_MIXED argv is put into that order. Else OPTIONS_HELPED if all that was wanted is
 * printed, or a negative number after a complaint.
 */
int options_parse(const struct options *o, int argc, char **argv, void *target);

/* "COMMAND: …" on standard error, for the command that was parsed last. Always
 * OPTIONS_MISUSED. */
int options_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One word more. */
void options_list_add(struct option_list *list, const char *word);

/*
 * Which known word was meant: offer each, then `best` is the closest one, or NULL if none
 * is close enough that one would take it for the other.
 */
struct options_guess {
	const char *word;
	const char *best;
	size_t distance;
};
void options_guess_offer(struct options_guess *guess, const char *known);
