/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options as tables: a row says how an option is written, what --help says of it, and
 * which function takes its value. Parsing stops at the first word that is no option.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <hypermin.h>

struct option_row {
	const char *name;  /* "disk" for --disk; NULL ends the table */
	char letter;	   /* or 0 */
	const char *value; /* "FILE[:rw]" for --help; NULL: takes none */
	const char *help;
	/* 0, or -1 after options_complain(). */
	int (*take)(void *target, const char *value);
};

/* The exit status of hypermin's own failures: no usual command's. */
#define EXIT_OURS HYPERMIN_STATUS_FAILED

/* The index of the first word that is no option; -1 after a complaint; 0 after --help. */
int options_parse(const char *command, const char *usage, const struct option_row *table,
	int argc, char **argv, void *target);
/* "hypermin COMMAND: …" on stderr. Always -1. */
int options_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A whole number from min to max. */
int options_number(const char *option, const char *text, unsigned long min,
	unsigned long max, unsigned long *ret);
/* N[bKMGT], more than 0, in bytes: the letters are powers of 1024. */
int options_size(const char *option, const char *text, uint64_t *ret);
/* The same without a complaint. */
int options_parse_size(const char *text, uint64_t *ret);
/* Seconds, fractions allowed, as milliseconds. */
int options_seconds(const char *option, const char *text, unsigned *ret_ms);
