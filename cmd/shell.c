/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin shell: an interactive shell in a VM made from this host. */
#include <stddef.h>

#include "commands.h"
#include "vm-run.h"

static const char usage[] =
	"Usage: hypermin shell [OPTION…]\n"
	"\n"
	"Boot a VM made from the packages installed on this machine and open a shell in it. All that\n"
	"is changed inside is gone afterwards, but for disks attached with :rw.";

int command_shell(int argc, char **argv)
{
	static const char *const shell[] = {"bash", "-l", NULL};
	struct vm_options o;
	int status = EXIT_OURS;

	vm_options_init(&o);
	int first = options_parse("shell", usage, vm_option_table, argc, argv, &o);
	if (first == 0)
		status = 0;
	else if (first > 0 && first < argc)
		options_complain(
			"it takes no command; use hypermin run -- %s …", argv[first]);
	else if (first > 0)
		status = vm_run(&o, shell);
	vm_options_done(&o);
	return status;
}
