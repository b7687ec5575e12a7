/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running the builder program and reading its messages, JSON objects a line each. */
#include "appliance/builder.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/control.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/supervise.h"

/* How long the builder may take to tidy up when it is told to end. */
#define BUILDER_END_MS 3000

/* ---- The builder's messages: JSON objects, a line each ---- */

struct builder {
	struct supervised process;
	int output_fd;
	struct strbuf line;
	struct error error; /* what it said it could not do */
	bool failed;
	builder_finding_fn *on_finding;
	void *data;
};

static void take_message(struct builder *b, const char *line)
{
	json_t *message = json_loads(line, 0, NULL);
	const char *text = json_string_value(json_object_get(message, "text"));
	const json_t *level = json_object_get(message, "log");
	const json_t *num = json_object_get(message, "error");
	const json_t *finding = json_object_get(message, "finding");

	if (text && num) {
		b->failed = true;
		error_set(&b->error, 0, "%s", text);
		b->error.num = json_integer_value(num);
	} else if (text && level) {
		log_line(MIN(json_integer_value(level), LOG_LEVEL_DEBUG), "%s", text);
	} else if (text && finding && b->on_finding) {
		b->on_finding(json_integer_value(finding),
			json_string_value(json_object_get(message, "topic")), text,
			json_string_value(json_object_get(message, "advice")), b->data);
	} else {
		/* Not ours: a library's message on stderr. */
		log_warning("builder: %s", line);
	}
	json_decref(message);
}

static void end_line(struct builder *b)
{
	if (b->line.len)
		take_message(b, b->line.data);
	strbuf_clear(&b->line);
}

/* False at the end. */
static bool take_output(struct builder *b)
{
	char buf[4096];

	ssize_t n = read(b->output_fd, buf, sizeof(buf));
	if (n < 0 && errno == EINTR)
		return true;
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\n')
			end_line(b);
		else
			strbuf_addc(&b->line, buf[i]);
	}
	/* Who is killed does not end his line. */
	if (n <= 0)
		end_line(b);
	return n > 0;
}

/* Tell it to end and give it time to remove what it has made. */
static int end_builder(struct builder *b, int signal, struct error *err)
{
	struct pollfd pfd = {b->process.status_fd, POLLIN, 0};

	if (b->process.child > 0)
		kill(b->process.child, SIGTERM);
	poll(&pfd, 1, BUILDER_END_MS);
	return control_error(signal, err);
}

static int serve_builder(struct builder *b, int control_fd, struct error *err)
{
	struct control_message message;

	for (;;) {
		struct pollfd fds[] = {
			{b->output_fd, POLLIN, 0}, {control_fd, POLLIN, 0}};
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return error_set(err, errno, "poll");
		if (fds[1].revents && control_read(control_fd, &message) &&
			message.what == CONTROL_INTERRUPT)
			return end_builder(b, message.signal, err);
		if (fds[0].revents && !take_output(b))
			return 0;
	}
}

static int judge_end(struct builder *b, struct error *err)
{
	struct ended ended = supervise_wait(&b->process);

	if (b->failed) {
		if (err)
			*err = b->error;
		return -1;
	}
	switch (ended.how) {
	case ENDED_NO_EXEC:
		return error_set(err, ended.value, "run the appliance builder");
	case ENDED_SIGNALED:
		return error_set(err, 0,
			"the appliance builder was killed by signal %d (%s)", ended.value,
			strsignal(ended.value));
	case ENDED_UNKNOWN:
		return error_set(err, 0, "the appliance builder was lost");
	case ENDED_EXITED:
		break;
	}
	if (ended.value != 0)
		return error_set(err, 0,
			"the appliance builder ended with exit status %d and "
			"without a word",
			ended.value);
	return 0;
}

void builder_argv(struct strvec *argv, const char *program, const char *task,
	const struct appliance_request *request)
{
	strvec_add(argv, program);
	strvec_add(argv, task);
	strvec_addf(argv, "--root=%s", request->root);
	strvec_addf(argv, "--architecture=%s", request->architecture->name);
	strvec_addf(argv, "--agent=%u", request->agent_version);
	strvec_addf(argv, "--log-level=%d", log_max_level());
	if (request->kernel)
		strvec_addf(argv, "--kernel=%s", request->kernel);
	if (request->modules_dir)
		strvec_addf(argv, "--modules=%s", request->modules_dir);
	vector_foreach (name, &request->packages)
		strvec_addf(argv, "--package=%s", *name);
	vector_foreach (route, &request->routes)
		strvec_addf(argv, "--route=%s", *route);
}

int builder_run(struct strvec *argv, int control_fd, builder_finding_fn *on_finding,
	void *data, struct error *err)
{
	struct builder b = {.on_finding = on_finding, .data = data};
	int output[2];

	if (pipe2(output, O_CLOEXEC) < 0)
		return error_set(err, errno, "create a pipe");
	b.output_fd = output[0];
	int result =
		supervise_start(&b.process, strvec_argv(argv), output[1], NULL, 0, err);
	close(output[1]);
	if (result == 0)
		result = serve_builder(&b, control_fd, err);
	if (result == 0)
		result = judge_end(&b, err);
	supervise_kill(&b.process);
	strbuf_done(&b.line);
	close(output[0]);
	return result;
}
