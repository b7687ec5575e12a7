/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the commands that start or use a VM are told. */
#pragma once

#include "report.h"

struct vm_options {
	struct hypermin *vm;
	struct command_log log;
	struct hypermin_command command;
	/* The option's name if one is given. */
	const char *image, *appliance, *from;
	/* NAME=VALUE, allocated. */
	struct option_list env;
	struct report report;
	struct artifacts artifacts;
	bool no_stdin, no_terminal;
	bool timeline;
	bool gdb, dry_run;
	/* warm: how many disks the snapshot has slots for. */
	unsigned disks;
	bool if_built;
	/* warm: how many VMs are to be ready. */
	unsigned ready;
	/* start: NULL, a name is chosen; and 0, it may be idle for ever (warm: as long as
	 * usual). */
	const char *name;
	unsigned idle_ms;
};

/* Of `run` and `shell`. */
extern const struct option_group vm_run_options[];
/* Of `warm`. */
extern const struct option_group vm_warm_options[];
/* Of `start`. */
extern const struct option_group vm_start_options[];
/* Of `exec`. */
extern const struct option_group vm_exec_options[];

/*
 * Parse the options and call act() with the words behind them. The exit status: of act(),
 * or of a failure or --help.
 */
int vm_main(const struct options *options, int argc, char **argv,
	int (*act)(struct vm_options *o, const char *const *words));
