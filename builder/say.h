/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines for people on standard error: "hypermin COMMAND: …". */
#pragma once

void say_as(const char *command);
/* "PROGRAM: …" instead: we are run in its place. The name has to stay. */
void say_for(const char *program);
/* Names come from anyone: none may play with the terminal. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
