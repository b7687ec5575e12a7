/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin exec, save, list and stop: what is done with sessions that run. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "interrupt.h"
#include "vm-run.h"

/* ---- exec ---- */

static const struct options exec_options = {
	.command = "hypermin exec",
	.usage =
		"Usage: hypermin exec [OPTION…] SESSION [--] COMMAND [ARGUMENT…]\n"
		"\n"
		"Run COMMAND in a session, beside others that run there, and end with its exit status, as\n"
		"hypermin run does.",
	.groups = vm_exec_options,
	.words = WORDS_LAST,
};

static int exec(struct vm_options *o, const char *const *words)
{
	if (!words[0]) {
		options_complain("no session is given; hypermin list shows them");
		return EXIT_OURS;
	}
	const char *const *command = words + 1;
	if (*command && strcmp(*command, "--") == 0)
		command++;
	if (!*command) {
		options_complain("no command is given; hypermin exec --help shows how");
		return EXIT_OURS;
	}
	return vm_run_in_session(o, words[0], command);
}

int command_exec(int argc, char **argv)
{
	return vm_main(&exec_options, argc, argv, exec);
}

/* ---- save ---- */

struct save {
	struct hypermin *vm;
	struct command_log log;
};

static const struct option_row save_rows[] = {
	{OPTION_COUNT, "verbose", 'v', NULL, "say what is done; -vv: and what qemu says",
		offsetof(struct save, log.verbose)},
	{0},
};

static const struct option_group save_groups[] = {
	{NULL, settings_cache_dir, offsetof(struct save, vm)},
	{NULL, save_rows},
	{0},
};

static const struct options save_options = {
	.command = "hypermin save",
	.usage =
		"Usage: hypermin save [OPTION…] SESSION STATE\n"
		"\n"
		"Save all of a session's VM as a state of this name: its memory, the commands that run, and\n"
		"what is on its disks. The session goes on. `hypermin run --from STATE` and `hypermin start\n"
		"--from STATE` start copies of it.",
	.groups = save_groups,
	.words = WORDS_MIXED,
};

static int save(struct save *o, char **words)
{
	if (!words[0] || !words[1] || words[2]) {
		options_complain("name the session, and the state that it is saved as");
		return EXIT_OURS;
	}
	interrupt_by_signals(o->vm);
	if (hypermin_open_session(o->vm, words[0]) == 0 &&
		hypermin_save(o->vm, words[1]) == 0)
		return 0;
	message_error(hypermin_error(o->vm));
	return EXIT_OURS;
}

int command_save(int argc, char **argv)
{
	struct save o = {.vm = hypermin_new()};
	int status = EXIT_OURS;

	int first = options_parse(&save_options, argc, argv, &o);
	command_log_start(&o.log);
	if (first == OPTIONS_HELPED)
		status = 0;
	else if (first > 0)
		status = save(&o, argv + first);
	interrupt_release();
	hypermin_free(o.vm);
	return status;
}

/* ---- list ---- */

struct list {
	struct hypermin *vm;
	bool json;
	json_t *items;
	bool has_title;
};

static const struct option_row list_rows[] = {
	{OPTION_FLAG, "json", 0, NULL, "print JSON, with all that is known of each",
		offsetof(struct list, json)},
	{0},
};

static const struct option_group list_groups[] = {{NULL, list_rows}, {0}};

static const struct options list_options = {
	.command = "hypermin list",
	.usage =
		"Usage: hypermin list [--json]\n"
		"\n"
		"List the sessions of this user: for how long each runs, the host's memory that it takes,\n"
		"how many disks it has, how many commands run in it, and what it was made from.",
	.groups = list_groups,
	.words = WORDS_NONE,
};

static void print_age(int64_t seconds)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < 3600)
		printf("%4d:%02d ", (int)seconds / 60, (int)seconds % 60);
	else
		printf("%4dh%02d ", (int)(seconds / 3600), (int)(seconds / 60 % 60));
}

static void print_session(
	const struct hypermin_session *session, const char *json, void *data)
{
	struct list *list = data;

	if (list->json) {
		json_array_append_new(list->items, json_loads(json, 0, NULL));
		return;
	}
	if (!list->has_title)
		puts("NAME                 AGE     MEMORY DISKS COMMANDS FROM");
	list->has_title = true;
	printf("%-18s ", session->name);
	print_age(time(NULL) - session->started);
	if (session->memory < 0)
		printf("%6s    ", "?");
	else
		printf("%6lld MiB", (long long)session->memory >> 20);
	printf(" %5u %8u %s\n", session->disks, session->commands, session->origin);
}

int command_list(int argc, char **argv)
{
	struct list list = {.vm = hypermin_new()};
	struct command_log log = {0};
	int status = EXIT_OURS;

	int first = options_parse(&list_options, argc, argv, &list);
	command_log_start(&log);
	list.items = json_array();
	if (first == OPTIONS_HELPED) {
		status = 0;
	} else if (first > 0) {
		interrupt_by_signals(list.vm);
		if (hypermin_list_sessions(list.vm, print_session, &list) == 0)
			status = 0;
		else
			message_error(hypermin_error(list.vm));
		if (list.json && status == 0) {
			json_dumpf(list.items, stdout, JSON_INDENT(2));
			putchar('\n');
		}
	}
	json_decref(list.items);
	interrupt_release();
	hypermin_free(list.vm);
	return status;
}

/* ---- stop ---- */

struct stop {
	bool all, at_once, ready;
	int status;
};

static const struct option_row stop_rows[] = {
	{OPTION_FLAG, "all", 0, NULL, "all sessions of this user",
		offsetof(struct stop, all)},
	{OPTION_FLAG, "kill", 0, NULL,
		"at once: writable disks are left as after a power cut",
		offsetof(struct stop, at_once)},
	{OPTION_FLAG, "ready", 0, NULL, "the VMs that wait, of hypermin warm --ready",
		offsetof(struct stop, ready)},
	{0},
};

static const struct option_group stop_groups[] = {{NULL, stop_rows}, {0}};

static const struct options stop_options = {
	.command = "hypermin stop",
	.usage =
		"Usage: hypermin stop [--kill] SESSION…\n"
		"       hypermin stop [--kill] --all\n"
		"       hypermin stop --ready\n"
		"\n"
		"End sessions, with the commands that run in them. What was written to a disk or directory\n"
		"attached with :rw is there afterwards.",
	.groups = stop_groups,
	.words = WORDS_MIXED,
};

static void stop_one(struct stop *stop, const char *name)
{
	struct hypermin *session = hypermin_new();

	interrupt_by_signals(session);
	if (hypermin_open_session(session, name) < 0 ||
		(stop->at_once ? hypermin_kill(session) : hypermin_stop(session)) < 0) {
		message_error(hypermin_error(session));
		stop->status = EXIT_OURS;
	}
	interrupt_release();
	hypermin_free(session);
}

static void stop_listed(
	const struct hypermin_session *session, const char *json, void *data)
{
	(void)json;
	stop_one(data, session->name);
}

static void stop_all(struct stop *stop)
{
	struct hypermin *h = hypermin_new();

	if (hypermin_list_sessions(h, stop_listed, stop) < 0) {
		message_error(hypermin_error(h));
		stop->status = EXIT_OURS;
	}
	hypermin_free(h);
}

static void stop_ready(struct stop *stop)
{
	struct hypermin *h = hypermin_new();

	if (hypermin_stop_ready(h) < 0) {
		message_error(hypermin_error(h));
		stop->status = EXIT_OURS;
	}
	hypermin_free(h);
}

int command_stop(int argc, char **argv)
{
	struct stop stop = {0};
	struct command_log log = {0};

	int first = options_parse(&stop_options, argc, argv, &stop);
	command_log_start(&log);
	if (first == OPTIONS_HELPED)
		return 0;
	if (first < 0)
		return EXIT_OURS;
	if (stop.all + stop.ready + (argv[first] != NULL) != 1) {
		options_complain("give names of sessions to end, or --all, or --ready");
		return EXIT_OURS;
	}
	if (stop.ready)
		stop_ready(&stop);
	if (stop.all)
		stop_all(&stop);
	for (char **name = argv + first; *name; name++)
		stop_one(&stop, *name);
	return stop.status;
}
