/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The builder program: the cold path, in a process of its own. The library runs
 *
 *	hypermin-builder build --cache=DIR --root=/ …
 *	hypermin-builder examine --root=/ …
 *	hypermin-builder owner --root=/ --path=FILE
 *	hypermin-builder assemble --root=/ --output=DIR --input=FILE …
 *	hypermin-builder remove --cache=DIR
 *
 * and reads its messages from standard output; appliance/builder.h has their form. The
 * command line becomes
 *
 *	hypermin-builder mkfs …
 *	hypermin-builder prepare …
 *
 * which write messages for people.
 */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assemble/assemble.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/program.h"
#include "base/strbuf.h"
#include "build/build.h"
#include "build/examine.h"
#include "confinement.h"
#include "mkfs.h"
#include "prepare.h"

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
	(void)signal;
	interrupted = 1;
}

static void catch_signals(void)
{
	const struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* Past the limit writing fails, and the build tidies up. */
	signal(SIGXFSZ, SIG_IGN);
}

/* Texts may hold file names in any encoding; JSON takes UTF-8. */
static json_t *text_json(const char *text)
{
	json_t *json = json_string(text);

	if (json)
		return json;
	CLEANUP_FREE char *ascii = xstrdup(text);
	for (char *p = ascii; *p; p++)
		if (*p & 0x80)
			*p = '?';
	return json_string(ascii);
}

/* One call a message, so that those of several threads do not mix. */
static void say(json_t *message)
{
	CLEANUP_FREE char *text = json_dumps(message, JSON_COMPACT);

	if (text)
		printf("%s\n", text);
	fflush(stdout);
	json_decref(message);
}

static void say_text(const char *kind, int number, const char *text)
{
	say(json_pack("{s:i, s:o}", kind, number, "text", text_json(text)));
}

static void say_log(enum log_level level, const char *line, void *data)
{
	(void)data;
	say_text("log", level, line);
}

static int task_build(const struct builder_task *task, struct error *err)
{
	CLEANUP_FREE char *self = program_path(err);
	struct cache cache;

	if (!self || cache_open(task->cache_dir, &cache, err) < 0)
		return -1;
	const struct build_options options = {
		.builder = self, .interrupted = &interrupted};
	int result = confinement_of_task(task, cache.fd, NULL, NULL, err);
	if (result == 0)
		result = build_appliance(&task->request, &cache, &options, err);
	cache_close(&cache);
	return result;
}

static int task_remove(const struct builder_task *task, struct error *err)
{
	if (!task->cache_dir)
		return error_set(err, EINVAL, "remove a cache: none is named");
	return cache_remove_private(task->cache_dir, err);
}

static void say_finding(enum finding finding, const char *topic, const char *text,
	const char *advice, void *data)
{
	json_t *message = json_pack("{s:i, s:s, s:o}", "finding", finding, "topic", topic,
		"text", text_json(text));

	(void)data;
	if (advice)
		json_object_set_new(message, "advice", text_json(advice));
	say(message);
}

static void say_layer(const char *layer, const char *missing, void *data)
{
	struct strbuf *in_force = data;

	if (!missing) {
		strbuf_addf(in_force, "%s%s", in_force->len ? ", " : "", layer);
		return;
	}
	CLEANUP_FREE char *text =
		xasprintf("the builder goes without: %s: %s", layer, missing);
	say_finding(FINDING_NOTE, "confined", text,
		"an archive that takes it over meets one barrier less; SECURITY.md says "
		"which, and --strict builds none so",
		NULL);
}

static int task_examine(const struct builder_task *task, struct error *err)
{
	CLEANUP_STRBUF struct strbuf in_force = {0};
	CLEANUP_FREE char *self = program_path(err);
	const struct build_options options = {.builder = self};

	if (!self || confinement_of_task(task, -1, say_layer, &in_force, err) < 0)
		return -1;
	if (in_force.len) {
		CLEANUP_FREE char *text = xasprintf("the builder: %s", in_force.data);
		say_finding(FINDING_OK, "confined", text, NULL, NULL);
	}
	CLEANUP_FREE char *guest = build_guest_path(&options, task->request.architecture);
	examine_host(&task->request, guest, say_finding, NULL);
	return 0;
}

static int task_owner(const struct builder_task *task, struct error *err)
{
	if (!task->path)
		return error_set(err, EINVAL, "find a file's package: no file is named");
	if (confinement_of_task(task, -1, NULL, NULL, err) < 0)
		return -1;
	return examine_owner(task->request.root, task->path, say_finding, NULL, err);
}

static const struct {
	const char *name;
	int (*run)(const struct builder_task *task, struct error *err);
} tasks[] = {
	{"build", task_build},
	{"examine", task_examine},
	{"owner", task_owner},
	{"remove", task_remove},
};

/* The exit status; -1: not called as the library calls it. */
static int run_task(int argc, char **argv)
{
	CLEANUP(builder_task_done) struct builder_task task;
	struct error err = {0};

	if (builder_parse_argv(argc, argv, &task, &err) < 0)
		return -1;
	log_set_handler(say_log, NULL, task.log_level);
	for (size_t i = 0; i < ARRAY_SIZE(tasks); i++) {
		if (strcmp(tasks[i].name, argv[0]) != 0)
			continue;
		if (tasks[i].run(&task, &err) == 0)
			return 0;
		say_text("error", err.num, err.msg);
		return 1;
	}
	return -1;
}

/* An appliance from inputs has a request of its own kind. */
static int assemble_main(int argc, char **argv)
{
	CLEANUP_FREE char *self = NULL;
	struct assembly assembly;
	struct error err = {0};

	catch_signals();
	int result = assembly_parse_argv(argc, argv, &assembly, &err);
	if (result == 0) {
		log_set_handler(say_log, NULL, assembly.log_level);
		self = program_path(&err);
		result = self ? 0 : -1;
	}
	if (result == 0) {
		const struct build_options options = {
			.builder = self, .interrupted = &interrupted};
		result = confinement_of_assembly(&assembly, &err);
		if (result == 0)
			result = assemble(&assembly, &options, &err);
	}
	if (result < 0)
		say_text("error", err.num, err.msg);
	else if (result == 1)
		say(json_pack("{s:s}", "result", "unchanged"));
	assembly_done(&assembly);
	return result < 0;
}

int main(int argc, char **argv)
{
	int status = -1;

	if (argc > 1 && strcmp(argv[1], "mkfs") == 0)
		return mkfs_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "assemble") == 0)
		return assemble_main(argc - 1, argv + 1);
	catch_signals();
	if (argc > 1 && strcmp(argv[1], "prepare") == 0)
		return prepare_main(argc - 1, argv + 1, &interrupted);
	if (argc > 1)
		status = run_task(argc - 1, argv + 1);
	if (status < 0)
		fprintf(stderr,
			"hypermin-builder is run by hypermin; see hypermin --help\n");
	return status < 0 ? 2 : status;
}
