/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making an appliance in a directory: what `hypermin build` and supermin have in
 * common. */
#pragma once

#include <hypermin.h>

/*
 * 0, or -1 after a message on standard error with `name` in front. A signal ends it, and
 * the process dies of it once everything half done is gone.
 */
int assemble_run(
	const struct hypermin_assembly *assembly, const char *name, bool *ret_made);
/* SOURCE_DATE_EPOCH, if it is set. -1: it is no number. */
int assemble_take_epoch(struct hypermin_assembly *assembly, const char *name);
