/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text from elsewhere, made safe for a terminal. */
#pragma once

#include <stddef.h>

/*
 * Copy to a string of at most size - 1 bytes. What a terminal could take as a command
 * (control bytes, C1 controls, bytes that are not UTF-8) becomes '?'; a text that is too
 * long is cut between characters.
 */
void printable_copy(char *ret, size_t size, const void *text, size_t len);
