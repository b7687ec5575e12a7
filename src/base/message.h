/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages in which text from others is harmless. What a `%s` stands for may come from
 * anywhere: a file's name, a guest's words, a field of a package. In it control characters
 * become '?' (printable.h), line breaks too, so that no name moves the cursor and none looks
 * like a line of ours. Line breaks of our own are in the formats.
 *
 *	"open '%s'"	a text from anywhere
 *	"%-s"		a text that was made here, another error's: its line breaks stay
 *
 * Otherwise as vsnprintf(), with its conversions of integers, characters and pointers.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* At most size - 1 bytes. */
void message_format(char *ret, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));
