/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Putting the layers in force, in the process that is to be confined. All of these are
 * async-signal-safe, return 0 or an errno, and can't be undone. */
#pragma once

#include "confine/notes.h"

int layer_set_limits(const struct confine_needs *needs);
int layer_refuse_privileges(void);
/* *ret_foreign: a file that can't be opened without capabilities, so that some were kept. */
int layer_drop_capabilities(const struct confine_needs *needs, int *ret_foreign);
/* Afterwards the process may still call layer_filter_calls(). */
int layer_restrict_files(const struct confine_needs *needs);
int layer_filter_calls(const struct confine_needs *needs);
