/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line: a table of commands. It uses the library through its public header
 * alone. */
#include <errno.h>
#include <hypermin.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "options.h"

static const struct command {
	const char *name;
	const char *help;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"run", "run a command in a VM made from this host", command_run},
	{"shell", "open a shell in one", command_shell},
	{"warm", "have a booted VM ready for run and shell to go on from", command_warm},
	{"build", "write an appliance to a directory, to be run elsewhere",
		command_build},
	{"cache", "list, check and clean what is kept", command_cache},
	{"mkfs", "make an ext2 image from directory trees and archives",
		command_by_builder},
	{"prepare", "list packages and collect their configuration, for an appliance",
		command_by_builder},
	{"doctor", "say what this host offers, and what is missing", command_doctor},
};

static void print_help(FILE *out)
{
	fputs("Usage: hypermin COMMAND [OPTION…]\n\n"
	      "Boot this machine as a throwaway VM, and run a command in it.\n\nCommands:\n",
		out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\nhypermin COMMAND --help says more; so does the man page hypermin(1).\n",
		out);
}

static bool is_called(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash ? slash + 1 : path, name) == 0;
}

static int run_command(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
		strcmp(name, "help") == 0) {
		print_help(stdout);
		return 0;
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		printf("hypermin %s\n", hypermin_version());
		return 0;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (*name)
		fprintf(stderr,
			"hypermin: there is no command '%s'; try hypermin --help\n",
			name);
	else
		print_help(stderr);
	return EXIT_OURS;
}

/* What was printed is lost if it could not be written: on a full disk, say. */
static int check_output(int status)
{
	bool lost = ferror(stdout);

	errno = 0;
	if (fflush(stdout) == 0 && !lost)
		return status;
	fprintf(stderr, "hypermin: standard output: %s\n", strerror(errno ? errno : EIO));
	return EXIT_OURS;
}

int main(int argc, char **argv)
{
	if (argc > 0 && is_called(argv[0], "supermin"))
		return supermin_main(argc, argv);
	return check_output(run_command(argc, argv));
}
