/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin warm: take the snapshot that later runs resume from. */
#include <stdio.h>

#include "commands.h"
#include "vm-run.h"

static const struct options options = {
	.command = "hypermin warm",
	.usage =
		"Usage: hypermin warm [OPTION…]\n"
		"\n"
		"Boot a VM, and keep a snapshot of it in the cache. `hypermin run` and `hypermin shell`\n"
		"with the same options resume from it instead of booting. They have it taken by\n"
		"themselves, in the background after their first run; this command takes it now, for the\n"
		"image of a CI system, say.",
	.groups = vm_warm_options,
	.words = WORDS_NONE,
};

static int warm(struct vm_options *o, const char *const *words)
{
	bool taken;

	(void)words;
	vm_catch_signals(o->vm);
	if (hypermin_warm(o->vm, o->disks, o->if_built, &taken) < 0)
		return vm_failed(o);
	if (o->log.verbose)
		fprintf(stderr,
			taken ? "hypermin: the snapshot is taken\n"
			      : "hypermin: there is a snapshot already\n");
	return 0;
}

int command_warm(int argc, char **argv)
{
	return vm_main(&options, argc, argv, warm);
}
