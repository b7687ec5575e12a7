/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The error object: lives on the caller's stack and is passed last, so that a failing
 * branch is one line and carries words:
 *
 *	return error_set(err, errno, "open '%s'", path);
 *
 * A message reads "what was tried: why it failed". Only the command line prints it. What a %s
 * stands for is made harmless for a terminal; message.h says how.
 */
#pragma once

#define ERROR_MSG_SIZE 2048

struct error {
	int num; /* an errno value, or 0 where none fits */
	char msg[ERROR_MSG_SIZE];
};

/* Set the message; num != 0 appends ": " and its text. Always returns -1. err may be
 * NULL. */
int error_set(struct error *err, int num, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for functions that return a pointer: always returns NULL. */
void *error_null(struct error *err, int num, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put context in front: "context: old message". Always returns -1. */
int error_prefix(struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
