/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running the builder program and reading its messages, JSON objects a line each. */
#include "appliance/builder.h"

#include <jansson.h>

#include "base/child.h"
#include "base/control.h"
#include "base/log.h"

/* How long the builder may take to tidy up when it is told to end. */
#define BUILDER_END_MS 3000

struct builder {
	int control_fd;
	struct error error; /* what it said it could not do */
	bool failed;
	builder_finding_fn *on_finding;
	void *data;
};

static void take_message(char *line, void *data)
{
	struct builder *b = data;
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

static int check_interrupted(void *data, struct error *err)
{
	const struct builder *b = data;
	struct control_message message;

	if (control_read(b->control_fd, &message) && message.what == CONTROL_INTERRUPT)
		return control_error(message.signal, err);
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
	struct builder b = {
		.control_fd = control_fd, .on_finding = on_finding, .data = data};
	const struct child_listener listener = {
		.on_line = take_message,
		.stop = check_interrupted,
		.stop_fd = control_fd,
		.grace_ms = BUILDER_END_MS,
		.data = &b,
	};
	struct child child = {.argv = strvec_argv(argv)};
	struct ended ended;

	if (child_run(&child, &listener, &ended, err) < 0)
		return -1;
	CLEANUP_FREE char *failed = child_describe(ended);
	if (b.failed) {
		if (err)
			*err = b.error;
		return -1;
	}
	if (failed)
		return error_set(err, 0, "the appliance builder %s", failed);
	return 0;
}
