/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages of the commands that run in this program. */
#include "say.h"

#include <stdio.h>

#include "base/printable.h"
#include "base/strbuf.h"

static const char *program_name = "hypermin ";
static const char *command_name = "";

void say_as(const char *command)
{
	command_name = command;
}

void say_for(const char *program)
{
	program_name = program;
	command_name = "";
}

void say(const char *fmt, ...)
{
	CLEANUP_STRBUF struct strbuf line = {0};
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&line, fmt, ap);
	va_end(ap);
	CLEANUP_FREE char *safe = printable_dup(line.data);
	fprintf(stderr, "%s%s: %s\n", program_name, command_name, safe);
}
