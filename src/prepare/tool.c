/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running a program to its end and reading its output. */
#include "prepare/tool.h"
#include "base/program.h"

#include <errno.h>
#include <string.h>

#include "base/child.h"
#include "base/log.h"
#include "base/path.h"
#include "base/strbuf.h"

#define KEPT_LINES 4

struct running {
	const struct tool *tool;
	char *last[KEPT_LINES]; /* lines that it wrote, the newest at n_lines - 1 */
	size_t n_lines;
};

static void take_line(char *line, void *data)
{
	struct running *r = data;
	size_t slot = r->n_lines++ % KEPT_LINES;

	log_debug("%s", line);
	free(r->last[slot]);
	r->last[slot] = xstrdup(line);
	if (r->tool->on_line)
		r->tool->on_line(line, r->tool->data);
}

static int check_interrupted(void *data, struct error *err)
{
	const struct running *r = data;

	if (*r->tool->interrupted)
		return error_set(err, EINTR, "wait for it");
	return 0;
}

/* ": first; second; third" */
static char *last_lines(const struct running *r)
{
	CLEANUP_STRBUF struct strbuf text = {0};

	strbuf_adds(&text, "");
	for (size_t i = 0; i < KEPT_LINES; i++) {
		const char *line = r->last[(r->n_lines + i) % KEPT_LINES];
		if (line && *line)
			strbuf_addf(&text, "%s%.300s", text.len ? "; " : ": ", line);
	}
	return strbuf_detach(&text);
}

static void log_words(const struct strvec *argv)
{
	CLEANUP_STRBUF struct strbuf text = {0};

	vector_foreach (word, argv)
		strbuf_addf(&text, " %s", *word);
	log_debug("running%s", text.data);
}

int tool_run(const struct tool *tool, struct strvec *argv, struct error *err)
{
	struct running r = {.tool = tool};
	const struct child_listener listener = {
		.on_line = take_line,
		.stop = check_interrupted,
		.stop_fd = -1,
		.data = &r,
	};
	CLEANUP_FREE char *name = xstrdup(argv->items[0]);
	char *path = program_find(name, "/usr/sbin:/usr/bin:/sbin:/bin");
	struct ended ended;

	if (!path)
		return error_set(err, ENOENT, "run '%s'", name);
	free(argv->items[0]);
	argv->items[0] = path;
	log_words(argv);
	setenv("LC_ALL", "C.UTF-8", 1);
	struct child child = {.argv = strvec_argv(argv), .directory = tool->directory};
	int result = child_run(&child, &listener, &ended, err);
	if (result < 0) {
		error_prefix(err, "%s", name);
	} else {
		CLEANUP_FREE char *failed = child_describe(ended);
		CLEANUP_FREE char *lines = last_lines(&r);
		if (failed)
			result = error_set(err, 0, "%s %s%s", name, failed, lines);
	}
	for (size_t i = 0; i < KEPT_LINES; i++)
		free(r.last[i]);
	return result;
}
