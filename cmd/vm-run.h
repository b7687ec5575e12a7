/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Doing what `run`, `shell` and `warm` are told. */
#pragma once

#include "vm-options.h"

/* Boot, run argv, end; the exit status for main(). */
int vm_run(struct vm_options *o, const char *const *argv);
/* Take a snapshot; the exit status for main(). */
int vm_warm(struct vm_options *o);
