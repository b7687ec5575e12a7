/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line: a table of commands. It uses only the library's public header. */
#include <errno.h>
#include <hypermin.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "settings.h"

static int command_help(int argc, char **argv);

static const struct command {
	const char *name;
	const char *help;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"run", "run a command in a VM made from this host", command_run},
	{"shell", "open a shell in one", command_shell},
	{"warm", "take a snapshot of a booted VM, which makes run and shell start faster",
		command_warm},
	{"start", "start a VM to come back to: a session", command_start},
	{"exec", "run a command in a session", command_exec},
	{"cp", "copy files into a session and out of it", command_cp},
	{"save", "save a session's VM as a state, to start copies of it", command_save},
	{"list", "list the sessions", command_list},
	{"stop", "end sessions", command_stop},
	{"build", "write an appliance to a directory, to run it elsewhere",
		command_build},
	{"libguestfs", "run a program that uses libguestfs, with a fast appliance",
		command_libguestfs},
	{"cache", "list, check and clean what hypermin keeps", command_cache},
	{"mkfs", "make an ext2 image from directory trees and archives",
		command_by_builder},
	{"prepare", "list packages and collect their configuration, for an appliance",
		command_by_builder},
	{"doctor", "say what this host offers, and what is missing", command_doctor},
	{"help", "say what a command does, and its options", command_help},
	{"completion", "print a script that completes command lines in bash, zsh or fish",
		command_completion},
};

static void print_help(FILE *out)
{
	fputs("Usage: hypermin COMMAND [OPTION…]\n\n"
	      "Boot this machine as a throwaway VM, and run a command in it.\n\nCommands:\n",
		out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\nhypermin COMMAND --help prints a command's options; the man page is hypermin(1).\n",
		out);
}

static bool is_called(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash ? slash + 1 : path, name) == 0;
}

static int run_command(int argc, char **argv)
{
	struct options_guess guess = {.word = argv[0]};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, argv[0]) == 0)
			return commands[i].run(argc, argv);
		options_guess_offer(&guess, commands[i].name);
	}
	if (guess.best)
		options_complain("there is no command '%s'; did you mean '%s'?", argv[0],
			guess.best);
	else
		options_complain("there is no command '%s'; hypermin --help lists the "
				 "commands",
			argv[0]);
	return EXIT_OURS;
}

static int command_help(int argc, char **argv)
{
	char *words[] = {argv[1], (char *)"--help", NULL};

	if (argc > 1)
		return run_command(2, words);
	print_help(stdout);
	return 0;
}

static int run(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (!*name) {
		print_help(stderr);
		return EXIT_OURS;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		print_help(stdout);
		return 0;
	}
	if (strcmp(name, "--list-commands") == 0) {
		for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
			printf("%s\t%s\n", commands[i].name, commands[i].help);
		return 0;
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		printf("hypermin %s\n", hypermin_version());
		return 0;
	}
	return run_command(argc - 1, argv + 1);
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
	return check_output(run(argc, argv));
}
