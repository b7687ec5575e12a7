/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running a program to its end and reading what it says. */
#include "prepare/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/supervise.h"

/* How long a signal may wait that came just before we began to wait. */
#define LOOK_MS	   500
#define LINE_MAX_  (64 * 1024)
#define KEPT_LINES 4

struct reader {
	const struct tool *tool;
	struct strbuf line;
	char *last[KEPT_LINES]; /* of what it said, the newest at n_lines - 1 */
	size_t n_lines;
};

/* ---- What it says ---- */

static void end_line(struct reader *r)
{
	char *line = strbuf_detach(&r->line);
	size_t slot = r->n_lines++ % KEPT_LINES;

	log_debug("%s", line);
	free(r->last[slot]);
	r->last[slot] = xstrdup(line);
	if (r->tool->on_line)
		r->tool->on_line(line, r->tool->data);
	free(line);
}

static void take_output(struct reader *r, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n')
			end_line(r);
		else if (data[i] != '\0' && r->line.len < LINE_MAX_)
			strbuf_addc(&r->line, data[i]);
	}
}

/* "first; second; third" */
static void last_lines(const struct reader *r, struct strbuf *ret)
{
	for (size_t i = 0; i < KEPT_LINES; i++) {
		const char *line = r->last[(r->n_lines + i) % KEPT_LINES];
		if (line && *line)
			strbuf_addf(ret, "%s%.300s", ret->len ? "; " : "", line);
	}
}

static int read_output(struct reader *r, int fd, struct error *err)
{
	char buf[4096];

	for (;;) {
		struct pollfd pfd = {fd, POLLIN, 0};
		int ready = poll(&pfd, 1, LOOK_MS);
		if (*r->tool->interrupted)
			return error_set(err, EINTR, "wait for it");
		if (ready <= 0)
			continue;
		ssize_t n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno != EINTR)
			return error_set(err, errno, "read what it says");
		if (n == 0)
			break;
		take_output(r, buf, MAX(n, 0));
	}
	if (r->line.len)
		end_line(r);
	return 0;
}

/* ---- Its end ---- */

static int judge(const struct reader *r, struct ended ended, struct error *err)
{
	CLEANUP_STRBUF struct strbuf said = {0};

	if (ended.how == ENDED_EXITED && ended.value == 0)
		return 0;
	if (ended.how == ENDED_NO_EXEC)
		return error_set(err, ended.value, "run it");
	last_lines(r, &said);
	const char *separator = said.len ? ": " : "";
	const char *text = said.len ? said.data : "";
	if (ended.how == ENDED_SIGNALED)
		return error_set(
			err, 0, "killed by signal %d%s%s", ended.value, separator, text);
	return error_set(err, 0, "exit status %d%s%s", ended.value, separator, text);
}

/* The builder has one thread, so its directory is ours to lend. */
static int start_in(const char *directory, struct supervised *ret, char *const *argv,
	int output_fd, struct error *err)
{
	CLEANUP_CLOSE int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (here < 0 || chdir(directory) < 0)
		return error_set(err, errno, "go to '%s'", directory);
	int result = supervise_start(ret, argv, output_fd, NULL, 0, err);
	if (fchdir(here) < 0 && result == 0) {
		supervise_kill(ret);
		return error_set(err, errno, "go back from '%s'", directory);
	}
	return result;
}

static int run(struct reader *r, char *const *argv, struct error *err)
{
	struct supervised process = {0};
	int output[2];

	if (pipe2(output, O_CLOEXEC) < 0)
		return error_set(err, errno, "create a pipe");
	int result = start_in(r->tool->directory, &process, argv, output[1], err);
	close(output[1]);
	if (result == 0)
		result = read_output(r, output[0], err);
	if (result == 0)
		result = judge(r, supervise_wait(&process), err);
	if (process.supervisor)
		supervise_kill(&process);
	close(output[0]);
	return result;
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
	struct reader r = {.tool = tool};
	CLEANUP_FREE char *name = xstrdup(argv->items[0]);
	char *path = path_find_program(name, "/usr/sbin:/usr/bin:/sbin:/bin");

	if (!path)
		return error_set(err, ENOENT, "run '%s'", name);
	free(argv->items[0]);
	argv->items[0] = path;
	log_words(argv);
	setenv("LC_ALL", "C.UTF-8", 1);
	int result = run(&r, strvec_argv(argv), err);
	for (size_t i = 0; i < KEPT_LINES; i++)
		free(r.last[i]);
	strbuf_done(&r.line);
	return result < 0 ? error_prefix(err, "%s", name) : 0;
}
