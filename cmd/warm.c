/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin warm: prepare the snapshot that later runs go on from. */
#include "commands.h"
#include "vm-run.h"

static const char usage[] =
	"Usage: hypermin warm [OPTION…]\n"
	"\n"
	"Boot a VM, keep it in the cache as it stands when it is ready, and end. `hypermin run` and\n"
	"`hypermin shell` with the same options go on from there. They have it made by themselves, in\n"
	"the background after their first run; this is for images that are to have it from the start.";

int command_warm(int argc, char **argv)
{
	struct vm_options o;
	int status = EXIT_OURS;

	vm_options_init(&o);
	int first = options_parse("warm", usage, vm_machine_option_table, argc, argv, &o);
	if (first == 0)
		status = 0;
	else if (first > 0 && first < argc)
		options_complain("unexpected word '%s'", argv[first]);
	else if (first > 0)
		status = vm_warm(&o);
	vm_options_done(&o);
	return status;
}
