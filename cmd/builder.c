/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that the builder program carries out, with its own options and messages: this
 * process becomes it. Reading archives and package databases takes libraries that no
 * other command needs.
 */
#include <errno.h>
#include <hypermin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"

static void become(const char *program, int argc, char **argv)
{
	char **words = calloc(argc + 2, sizeof(words[0]));

	if (!words)
		abort();
	words[0] = (char *)program;
	/* argv[0] is the command's name, and NULL its end. */
	memcpy(words + 1, argv, (argc + 1) * sizeof(words[0]));
	execv(program, words);
	fprintf(stderr, "hypermin %s: run '%s': %s\n", argv[0], program, strerror(errno));
	free(words);
}

int command_by_builder(int argc, char **argv)
{
	struct hypermin *h = hypermin_new();

	char *program = hypermin_find_program(h, "hypermin-builder");
	if (program)
		become(program, argc, argv);
	else
		fprintf(stderr, "hypermin %s: %s\n", argv[0], hypermin_error(h));
	free(program);
	hypermin_free(h);
	return EXIT_FAILURE;
}
