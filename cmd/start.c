/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin start: start a session. */
#include <stdio.h>

#include "commands.h"
#include "interrupt.h"
#include "keeper.h"
#include "vm-run.h"

static const struct options options = {
	.command = "hypermin start",
	.usage =
		"Usage: hypermin start [OPTION…]\n"
		"\n"
		"Start a VM made from the packages installed on this machine, print its name, and return.\n"
		"It runs until `hypermin stop NAME`. Meanwhile `hypermin exec NAME COMMAND` runs commands\n"
		"in it, and `hypermin shell NAME` opens a shell. Status 125: it could not be started.",
	.groups = vm_start_options,
	.words = WORDS_NONE,
	.hint = "to run a command, use hypermin exec NAME COMMAND once it is started",
};

static int keep(struct vm_options *o, const char *const *words)
{
	(void)words;
	interrupt_by_signals(o->vm);
	if (hypermin_keep(o->vm, o->name, o->idle_ms, keeper_leave, NULL) < 0)
		return vm_failed(o);
	return 0;
}

int command_start(int argc, char **argv)
{
	char name[KEEPER_NAME_SIZE];

	int status = keeper_start(argc, argv, &options, keep, name);
	fputs(name, stdout);
	return status;
}
