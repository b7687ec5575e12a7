/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `run`, `shell` and `warm` are told: the VM's and the command's options. */
#pragma once

#include <hypermin.h>

#include "options.h"

struct vm_options {
	struct hypermin *vm;
	struct hypermin_command command;
	char **env; /* NULL-terminated; grows */
	size_t n_env;
	const char *kernel, *modules_dir;
	int verbose;
	bool writable_disks;
	bool no_terminal;
	bool timeline;
	unsigned long disks; /* slots that the snapshot is to have */
	bool if_built;
};

extern const struct option_row vm_option_table[];
/* Those that say what a VM is made of, and of `warm`. */
extern const struct option_row vm_machine_option_table[];

void vm_options_init(struct vm_options *o);
void vm_options_done(struct vm_options *o);
/* "NAME=VALUE", allocated, for the command's environment; it is the options' then. */
void vm_options_add_env(struct vm_options *o, char *pair);
