/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running the builder program and reading its messages, JSON objects a line each. */
#include "appliance/builder.h"

#include <jansson.h>
#include <string.h>

#include "base/child.h"
#include "base/control.h"
#include "base/log.h"

/* How long the builder may take to tidy up before it is killed. */
#define BUILDER_END_MS 3000

struct builder {
	int control_fd;
	/* What it reported as its error. */
	struct error error;
	bool failed;
	struct builder_listener *listener;
};

static void take_message(char *line, void *data)
{
	struct builder *b = data;
	json_t *message = json_loads(line, 0, NULL);
	const char *text = json_string_value(json_object_get(message, "text"));
	const json_t *level = json_object_get(message, "log");
	const json_t *num = json_object_get(message, "error");
	const json_t *finding = json_object_get(message, "finding");
	const char *topic = json_string_value(json_object_get(message, "topic"));
	const char *result = json_string_value(json_object_get(message, "result"));

	if (text && num) {
		b->failed = true;
		error_set(&b->error, 0, "%s", text);
		b->error.num = json_integer_value(num);
	} else if (text && level) {
		log_line(MIN(json_integer_value(level), LOG_LEVEL_DEBUG), "%s", text);
	} else if (text && topic && finding && b->listener->on_finding) {
		b->listener->on_finding(json_integer_value(finding), topic, text,
			json_string_value(json_object_get(message, "advice")),
			b->listener->data);
	} else if (result && strcmp(result, "unchanged") == 0) {
		b->listener->unchanged = true;
	} else {
		/* Not a message of the builder's own: a library wrote to stderr. */
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

int builder_run(struct strvec *argv, int control_fd, struct builder_listener *listener,
	struct error *err)
{
	struct builder_listener none = {0};
	struct builder b = {
		.control_fd = control_fd, .listener = listener ? listener : &none};
	const struct child_listener lines = {
		.on_line = take_message,
		.stop = check_interrupted,
		.stop_fd = control_fd,
		.grace_ms = BUILDER_END_MS,
		.data = &b,
	};
	struct child child = {.argv = strvec_argv(argv)};
	struct ended ended;

	if (child_run(&child, &lines, &ended, err) < 0)
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
