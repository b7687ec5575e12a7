/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `run`, `shell` and `warm` are told, and doing it. */
#pragma once

#include "settings.h"

struct vm_options {
	struct hypermin *vm;
	struct command_log log;
	struct hypermin_command command;
	/* The option's name if one is given. */
	const char *image, *appliance;
	/* NAME=VALUE, allocated. */
	struct option_list env;
	bool no_stdin, no_terminal;
	bool timeline;
	bool gdb, dry_run;
	/* warm: how many disks the snapshot has slots for. */
	unsigned disks;
	bool if_built;
};

/* Of `run` and `shell`. */
extern const struct option_group vm_run_options[];
/* Of `warm`. */
extern const struct option_group vm_warm_options[];

/*
 * Parse the options and call act() with the words behind them. The exit status: of act(),
 * or of a failure or --help.
 */
int vm_main(const struct options *options, int argc, char **argv,
	int (*act)(struct vm_options *o, const char *const *words));
