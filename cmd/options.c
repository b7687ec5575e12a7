/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options as tables: getopt_long() does the parsing, the tables make its arguments and
 * --help. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPTIONS 40
#define HELP_COLUMN 30

static const char *current_command = "";

int options_complain(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "hypermin %s: ", current_command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -1;
}

static void print_help(const char *usage, const struct option_row *table)
{
	printf("%s\n\nOptions:\n", usage);
	for (const struct option_row *row = table; row->name; row++) {
		char left[80];
		char letter[5] = "    ";
		if (row->letter)
			snprintf(letter, sizeof(letter), "-%c, ", row->letter);
		int len = snprintf(left, sizeof(left), "  %s--%s%s%s", letter, row->name,
			row->value ? " " : "", row->value ? row->value : "");
		if (len >= HELP_COLUMN)
			printf("%s\n%*s%s\n", left, HELP_COLUMN, "", row->help);
		else
			printf("%-*s%s\n", HELP_COLUMN, left, row->help);
	}
}

/* What getopt_long() returns for a row is its number here, behind all characters. */
static void make_getopt_tables(
	const struct option_row *table, struct option *ret_long, char *ret_short)
{
	int n = 0;

	/* '+': stop at the first word that is no option; ':': we complain ourselves. */
	*ret_short++ = '+';
	*ret_short++ = ':';
	for (; table[n].name; n++) {
		ret_long[n] = (struct option){table[n].name,
			table[n].value ? required_argument : no_argument, NULL, 256 + n};
		if (!table[n].letter)
			continue;
		*ret_short++ = table[n].letter;
		if (table[n].value)
			*ret_short++ = ':';
	}
	ret_long[n] = (struct option){"help", no_argument, NULL, 'h'};
	ret_long[n + 1] = (struct option){0};
	*ret_short++ = 'h';
	*ret_short = '\0';
}

static const struct option_row *find_row(const struct option_row *table, int option)
{
	if (option >= 256)
		return &table[option - 256];
	while (table->name && table->letter != option)
		table++;
	return table->name ? table : NULL;
}

int options_parse(const char *command, const char *usage, const struct option_row *table,
	int argc, char **argv, void *target)
{
	struct option long_options[MAX_OPTIONS];
	char short_options[3 * MAX_OPTIONS];
	int option;

	current_command = command;
	make_getopt_tables(table, long_options, short_options);
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, short_options, long_options, NULL)) !=
		-1) {
		const struct option_row *row = find_row(table, option);
		if (option == 'h') {
			print_help(usage, table);
			return 0;
		}
		if (option == ':')
			return options_complain(
				"option '%s' needs a value", argv[optind - 1]);
		if (!row)
			return options_complain(
				"unknown option '%s'; try hypermin %s --help",
				argv[optind - 1], command);
		if (row->take(target, optarg) < 0)
			return -1;
	}
	return optind;
}

int options_number(const char *option, const char *text, unsigned long min,
	unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;
	unsigned long n = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || n < min || n > max)
		return options_complain("--%s takes a number from %lu to %lu, not '%s'",
			option, min, max, text);
	*ret = n;
	return 0;
}

int options_parse_size(const char *text, uint64_t *ret)
{
	static const char units[] = "bKMGT";
	char *end;

	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	const char *unit = *end ? strchr(units, *end) : units;
	int shift = unit ? 10 * (unit - units) : 0;
	/* What is no digit is white space or a sign, which strtoull() would take. */
	if (errno || !isdigit((unsigned char)*text) || !unit || (*end && end[1]) ||
		n == 0 || n > (uint64_t)INT64_MAX >> shift)
		return -1;
	*ret = (uint64_t)n << shift;
	return 0;
}

int options_size(const char *option, const char *text, uint64_t *ret)
{
	if (options_parse_size(text, ret) < 0)
		return options_complain(
			"--%s takes a size, N or N with b, K, M, G or T, not '%s'",
			option, text);
	return 0;
}

int options_seconds(const char *option, const char *text, unsigned *ret_ms)
{
	char *end;

	double seconds = strtod(text, &end);
	if (end == text || *end || !isfinite(seconds) || seconds <= 0 || seconds > 1e6)
		return options_complain("--%s takes seconds, not '%s'", option, text);
	*ret_ms = seconds * 1000 < 1 ? 1 : seconds * 1000;
	return 0;
}
