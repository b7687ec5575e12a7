/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin warm: take the snapshot that later runs resume from, or keep VMs ready for them. */
#include <stdio.h>

#include "commands.h"
#include "interrupt.h"
#include "keeper.h"
#include "vm-run.h"

#define READY_IDLE_MS (600 * 1000)

static const struct options options = {
	.command = "hypermin warm",
	.usage =
		"Usage: hypermin warm [OPTION…]\n"
		"\n"
		"Boot a VM, and keep a snapshot of it in the cache. `hypermin run` and `hypermin shell`\n"
		"with the same options resume from it instead of booting. They have it taken by\n"
		"themselves, in the background after their first run; this command takes it now, for the\n"
		"image of a CI system, say. With --ready it also keeps VMs that have resumed already, each\n"
		"of which waits for a run, until `hypermin stop --ready`.",
	.groups = vm_warm_options,
	.words = WORDS_NONE,
};

/* Of the process. */
static int all_argc;
static char **all_argv;

/* One VM after another. */
static int keep_ready(struct vm_options *o, const char *const *words)
{
	(void)words;
	interrupt_by_signals(o->vm);
	int result = hypermin_keep_ready(o->vm, o->ready,
		o->idle_ms ? o->idle_ms : READY_IDLE_MS, keeper_leave, NULL);
	if (result < 0)
		return vm_failed(o);
	return result == 1 ? KEEPER_AGAIN : 0;
}

static int start_keepers(unsigned n)
{
	char name[KEEPER_NAME_SIZE];
	int status = 0;

	for (unsigned i = 0; i < n && status == 0; i++)
		status = keeper_start(all_argc, all_argv, &options, keep_ready, name);
	return status;
}

static int warm(struct vm_options *o, const char *const *words)
{
	bool taken;

	(void)words;
	if (o->idle_ms && !o->ready) {
		options_complain(
			"--idle says how long VMs wait for a run: give --ready, too");
		return EXIT_OURS;
	}
	if (o->disks && o->ready) {
		options_complain(
			"--disks is for runs that resume from the snapshot: VMs that wait "
			"(--ready) can be given disks without it");
		return EXIT_OURS;
	}
	vm_catch_signals(o->vm);
	if (hypermin_warm(o->vm, o->disks, o->if_built, &taken) < 0)
		return vm_failed(o);
	if (o->log.verbose)
		fprintf(stderr,
			taken ? "hypermin: the snapshot is taken\n"
			      : "hypermin: there is a snapshot already\n");
	return start_keepers(o->ready);
}

int command_warm(int argc, char **argv)
{
	all_argc = argc;
	all_argv = argv;
	return vm_main(&options, argc, argv, warm);
}
