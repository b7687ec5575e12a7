/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program that makes and unpacks tar streams for copies between host and guest;
 * src/copy/copy.h says how.
 *
 *	hypermin-copy pack [--name NAME] PATH >STREAM
 *	hypermin-copy unpack [--name NAME] [--max-size SIZE] … DEST <STREAM
 *
 * Its messages are lines on standard error. Its exit status is 0, or 1 if anything is missing
 * in the copy.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/path.h"
#include "base/printable.h"
#include "confine/confine.h"
#include "copy/copy.h"
#include "options/options.h"

struct arguments {
	const char *name;
	uint64_t max_size;
	unsigned max_entries;
	bool same_owner;
	bool devices;
};

static volatile sig_atomic_t stop;

static void say(const char *text)
{
	char line[ERROR_MSG_SIZE];

	printable_copy(line, sizeof(line), text, strlen(text));
	fprintf(stderr, "hypermin-copy: %s\n", line);
}

static void on_log(enum log_level level, const char *line, void *data)
{
	(void)level;
	(void)data;
	say(line);
}

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static int report(enum copy_result result, const struct error *err)
{
	if (result == COPY_FAILED)
		say(err->msg);
	return result == COPY_WHOLE ? 0 : 1;
}

/* "." stands for the contents of a directory. */
static bool is_component(const char *name, bool may_be_dot)
{
	if (strcmp(name, ".") == 0)
		return may_be_dot;
	return *name && strcmp(name, "..") != 0 && !strchr(name, '/');
}

/* ---- What it may do ---- */

static const char *const variables[] = {
	"ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", NULL};

#ifdef __SANITIZE_ADDRESS__
/* A search for leaks makes a process, and the filter does not let it. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}
#endif

/* Before anything of the guest's is read. A layer that the host lacks is left out. */
static int confine(const char *path, enum confine_access access, struct error *err)
{
	struct confine_needs needs = {
		.program = "hypermin-copy",
		.variables = variables,
		.capabilities = CONFINE_FILES_OF_ALL,
		.writes = true,
		.max_memory = CONFINE_MEMORY_OF_PARSERS,
		.not_for_it = 1u << CONFINE_OWN_FILTER,
	};
	CLEANUP_CONFINE struct confine c = {0};

	if (access == CONFINE_CHANGE_AND_DEVICES)
		needs.capabilities |= UINT64_C(1) << CAP_MKNOD;
	confine_need_system(&needs);
	confine_may_need_own(&needs, xstrdup(path), access);
	confine_init(&c, &needs);
	return confine_self(&c, err);
}

/* The directory that a copy is made in: the destination itself, or what it is in. */
static char *destination(const char *dest)
{
	CLEANUP_FREE char *real = realpath(dest, NULL);
	const char *path = real ? real : dest;
	size_t len = path_trimmed_len(path, strlen(path));
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return xstrdup(path);
	while (len > 0 && path[len - 1] != '/')
		len--;
	return len ? xstrndup(path, len) : xstrdup(".");
}

/* ---- What it does ---- */

static int pack(const struct arguments *a, const char *path)
{
	const struct copy_pack request = {.path = path, .name = a->name, .out_fd = 1};
	struct error err;

	if (confine(path, CONFINE_READ, &err) < 0)
		return report(COPY_FAILED, &err);
	return report(copy_pack(&request, &err), &err);
}

static int unpack(const struct arguments *a, const char *dest)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	/* Without SA_RESTART: a read that waits is to end. */
	const struct sigaction action = {.sa_handler = on_signal};
	const struct copy_unpack request = {
		.dest = dest,
		.name = a->name,
		.in_fd = 0,
		.max_size = a->max_size,
		.max_entries = a->max_entries,
		.same_owner = a->same_owner,
		.devices = a->devices,
		.stop = &stop,
	};
	struct error err;

	if ((a->same_owner || a->devices) && geteuid() != 0)
		return options_complain("--same-owner and --devices are for root");
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
	CLEANUP_FREE char *directory = destination(dest);
	if (confine(directory, a->devices ? CONFINE_CHANGE_AND_DEVICES : CONFINE_CHANGE,
		    &err) < 0)
		return report(COPY_FAILED, &err);
	return report(copy_unpack(&request, &err), &err);
}

#define NAME_HELP "what the copy is called"

static const struct option_row pack_rows[] = {
	{OPTION_TEXT, "name", 0, "NAME", NAME_HELP, offsetof(struct arguments, name)},
	{0},
};

static const struct option_row unpack_rows[] = {
	{OPTION_TEXT, "name", 0, "NAME", NAME_HELP, offsetof(struct arguments, name)},
	{OPTION_SIZE, "max-size", 0, "SIZE", "take no more bytes of data",
		offsetof(struct arguments, max_size)},
	{OPTION_NUMBER, "max-entries", 0, "N", "take no more files and directories",
		offsetof(struct arguments, max_entries), 1},
	{OPTION_FLAG, "same-owner", 0, NULL, "keep owners and their rights, as root",
		offsetof(struct arguments, same_owner)},
	{OPTION_FLAG, "devices", 0, NULL, "make device nodes, as root",
		offsetof(struct arguments, devices)},
	{0},
};

static const struct command {
	const char *name;
	const char *usage;
	struct option_group groups[2];
	int (*run)(const struct arguments *a, const char *path);
} commands[] = {
	{"pack", "usage: hypermin-copy pack [OPTION...] PATH\n", {{NULL, pack_rows}},
		pack},
	{"unpack", "usage: hypermin-copy unpack [OPTION...] DEST\n",
		{{NULL, unpack_rows}}, unpack},
};

static int run(const struct command *c, int argc, char **argv)
{
	const struct options options = {
		.command = "hypermin-copy",
		.usage = c->usage,
		.groups = c->groups,
		.words = WORDS_MIXED,
	};
	struct arguments a = {0};

	int first = options_parse(&options, argc, argv, &a);
	if (first == OPTIONS_HELPED)
		return 0;
	if (first < 0)
		return 1;
	if (argc - first != 1 || (a.name && !is_component(a.name, c->run == pack))) {
		options_complain(
			"'%s' takes one path, and --name one component of a path",
			c->name);
		return 1;
	}
	return c->run(&a, argv[first]) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct rlimit limit;

	/* A broken pipe and a file that can't grow are errors like others. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	log_set_handler(on_log, NULL, LOG_LEVEL_WARNING);
	for (size_t i = 0; i < ARRAY_SIZE(commands) && argc > 1; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return run(&commands[i], argc - 1, argv + 1);
	fprintf(stderr,
		"hypermin-copy: hypermin starts this program, as 'hypermin-copy pack' or "
		"'hypermin-copy unpack'\n");
	return 1;
}
