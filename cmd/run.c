/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin run: one command in a VM made from this host. */
#include "commands.h"
#include "vm-run.h"

static const char usage[] =
	"Usage: hypermin run [OPTION…] [--] COMMAND [ARGUMENT…]\n"
	"\n"
	"Boot a VM made from the packages installed on this machine, run COMMAND in it, and end with\n"
	"its exit status (125: hypermin itself failed; 124: time out; 126, 127: COMMAND could not be\n"
	"executed, was not found; 128+N: it was killed by signal N).";

int command_run(int argc, char **argv)
{
	struct vm_options o;
	int status = EXIT_OURS;

	vm_options_init(&o);
	int first = options_parse("run", usage, vm_option_table, argc, argv, &o);
	if (first == 0)
		status = 0;
	else if (first == argc)
		options_complain("no command is given; try hypermin run --help");
	else if (first > 0)
		status = vm_run(&o, (const char *const *)argv + first);
	vm_options_done(&o);
	return status;
}
