/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages, also for CI systems: messages.h. */
#include "messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value && strcmp(value, "true") == 0;
}

static bool on_github(void)
{
	return is_set("GITHUB_ACTIONS");
}

/* The runner takes a line that begins with "::", behind any blanks, for a command of a
 * workflow's. A message may have lines of the guest's console, and those have to be none. */
static void print_lines(const char *text, const char *end)
{
	bool guards = on_github();

	fputs("hypermin: ", stderr);
	for (; *text; text++) {
		if (*text == '\n')
			fputs(end, stderr);
		fputc(*text, stderr);
		if (*text == '\n' && guards)
			fputs("hypermin: ", stderr);
	}
	fprintf(stderr, "%s\n", end);
}

/* As the runner's toolkit escapes what stands in a command. */
static void annotate(const char *level, const char *text)
{
	if (!on_github())
		return;
	fprintf(stderr, "::%s title=hypermin::", level);
	for (; *text; text++)
		switch (*text) {
		case '%':
			fputs("%25", stderr);
			break;
		case '\r':
			fputs("%0D", stderr);
			break;
		case '\n':
			fputs("%0A", stderr);
			break;
		default:
			fputc(*text, stderr);
		}
	fputc('\n', stderr);
}

void message_error(const char *text)
{
	print_lines(text, "");
	annotate("error", text);
}

void message_warning(const char *text)
{
	print_lines(text, "");
	annotate("warning", text);
}

/* ---- Sections ---- */

static void gitlab_mark(const char *what, const char *name, const char *options)
{
	fprintf(stderr, "\033[0Ksection_%s:%lld:%s%s\r\033[0K", what,
		(long long)time(NULL), name, options);
}

void message_section_begin(const char *name, const char *title)
{
	if (on_github()) {
		fprintf(stderr, "::group::%s\n", title);
	} else if (is_set("GITLAB_CI")) {
		gitlab_mark("start", name, "[collapsed=true]");
		fprintf(stderr, "%s\n", title);
	}
}

void message_section_end(const char *name)
{
	if (on_github()) {
		fputs("::endgroup::\n", stderr);
	} else if (is_set("GITLAB_CI")) {
		gitlab_mark("end", name, "");
		fputc('\n', stderr);
	}
}

/* ---- The log ---- */

static void print_log(enum hypermin_log_level level, const char *line, void *data)
{
	const struct command_log *log = data;

	if (level == HYPERMIN_LOG_NOTICE && !log->verbose && !isatty(STDERR_FILENO))
		return;
	print_lines(line, log->raw ? "\r" : "");
	if (level == HYPERMIN_LOG_WARNING)
		annotate("warning", line);
}

void command_log_start(struct command_log *log)
{
	hypermin_set_log(print_log, log,
		log->verbose > 1       ? HYPERMIN_LOG_DEBUG
			: log->verbose ? HYPERMIN_LOG_INFO
				       : HYPERMIN_LOG_NOTICE);
}
