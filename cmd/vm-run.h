/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Doing what `run`, `exec` and `shell` are told. One VM a process: signal handlers have to
 * find it. */
#pragma once

#include "vm-options.h"

/* Start the VM, run argv in it, end it. The exit status for main(). */
int vm_run(struct vm_options *o, const char *const *argv);

/* Run argv in the session of this name. The exit status for main(). */
int vm_run_in_session(struct vm_options *o, const char *session, const char *const *argv);

/* SIGINT, SIGTERM, SIGHUP and SIGQUIT go to the command. The second one, or one that
 * comes before the command runs, ends the VM. */
void vm_catch_signals(struct hypermin *vm);
/* Say why a call failed, unless a signal ended it. The exit status for main(). */
int vm_failed(const struct vm_options *o);
