/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Run a command in a VM that is made of this machine, and exit with the command's status.
 *
 *	cc run.c -o run $(pkg-config --cflags --libs hypermin)
 *	./run uname -a
 */
#include <hypermin.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;
	struct hypermin_result result;

	if (argc < 2) {
		fprintf(stderr, "usage: run COMMAND [ARGUMENT...]\n");
		return HYPERMIN_STATUS_FAILED;
	}
	/* Standard output and error are the command's unless we say otherwise. */
	command.argv = (const char *const *)argv + 1;
	command.stdin_fd = STDIN_FILENO;

	struct hypermin *vm = hypermin_new();
	if (hypermin_start(vm) < 0 || hypermin_exec(vm, &command, &result) < 0) {
		fprintf(stderr, "run: %s\n", hypermin_error(vm));
		hypermin_free(vm);
		return HYPERMIN_STATUS_FAILED;
	}
	if (result.outcome == HYPERMIN_NOT_FOUND ||
		result.outcome == HYPERMIN_NOT_EXECUTED)
		fprintf(stderr, "run: %s\n", hypermin_error(vm));
	hypermin_free(vm);
	return result.status;
}
