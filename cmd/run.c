/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin run: one command in a VM made from this host. */
#include "commands.h"
#include "vm-run.h"

static const struct options options = {
	.command = "hypermin run",
	.usage =
		"Usage: hypermin run [OPTION…] [--] COMMAND [ARGUMENT…]\n"
		"       hypermin run --image IMAGE [OPTION…] [--] [ARGUMENT…]\n"
		"\n"
		"Boot a VM made from the packages installed on this machine, run COMMAND in it, and end\n"
		"with its exit status. Other statuses: 124 time is up, 125 hypermin itself failed, 126\n"
		"COMMAND can't be executed, 127 COMMAND is not found, 128+N signal N killed it.",
	.groups = vm_run_options,
	.words = WORDS_LAST,
};

static int run(struct vm_options *o, const char *const *words)
{
	/* An image may name a command itself. */
	if (*words || o->image || o->appliance || o->from)
		return vm_run(o, words);
	options_complain("no command is given; hypermin run --help shows how");
	return EXIT_OURS;
}

int command_run(int argc, char **argv)
{
	return vm_main(&options, argc, argv, run);
}
