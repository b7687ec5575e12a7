/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines for people on standard error: "hypermin COMMAND: …". */
#pragma once

void say_as(const char *command);
/* Begin messages with "PROGRAM: " instead, for a program that runs this one in its place.
 * The string is not copied. */
void say_for(const char *program);
/* What is not printable is escaped: file names in a message may come from anyone. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
