/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes that keep a VM for others, and live longer than the command that starts them:
 *
 *	this process ──fork──► the keeper
 *	     ▲                    │ the VM runs: its name
 *	     └──────pipe──────────┘
 *
 * The keeper has our standard streams until the VM runs, so its messages are ours. Then it
 * is on its own.
 */
#pragma once

#include "vm-options.h"

#define KEEPER_NAME_SIZE 128
/* keep() is called again, with its options parsed anew. */
#define KEEPER_AGAIN 1000

/*
 * Start a process that calls keep() for these arguments. *ret_name is the name that it said by
 * keeper_leave(). The exit status if it has ended before that, and an empty name, else 0.
 */
int keeper_start(int argc, char **argv, const struct options *options,
	int (*keep)(struct vm_options *o, const char *const *words),
	char ret_name[static KEEPER_NAME_SIZE]);
/* For hypermin_keep(): the VM runs. */
int keeper_leave(const char *name, void *data);
