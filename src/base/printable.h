/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text from others, made safe for a terminal. An escape sequence in a guest's message or
 * in a file's name could retitle the window, move the cursor over other text or worse.
 * Printable ASCII, tabs and well-formed UTF-8 pass; control characters, and characters
 * that change the direction of text or can't be seen, become '?', and so does each byte
 * that is not UTF-8.
 */
#pragma once

#include <stddef.h>

/* At most size - 1 bytes; a text that is too long is cut between characters. */
void printable_copy(char *ret, size_t size, const void *text, size_t len);
/* A new string. */
char *printable_dup(const char *text);
