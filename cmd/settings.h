/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options that set a handle's settings, which commands share. Each has its setting's
 * name; hypermin_set() checks the value. The struct at their group's offset is a
 * struct hypermin *.
 */
#pragma once

#include <hypermin.h>

#include "messages.h"
#include "options/options.h"

/* The exit status of hypermin's own failures: no usual command has it. */
#define EXIT_OURS HYPERMIN_STATUS_FAILED

extern const struct option_row settings_package[];
extern const struct option_row settings_root[];
extern const struct option_row settings_image[];
extern const struct option_row settings_kernel[];
extern const struct option_row settings_cache_dir[];
extern const struct option_row settings_appliance[];
extern const struct option_row settings_hold[];
extern const struct option_row settings_from[];
/* How large it is. */
extern const struct option_row settings_size[];
/* What is emulated, and how it is started. */
extern const struct option_row settings_machine[];
extern const struct option_row settings_console[];

/* option_row.take for a setting: `member` is a struct hypermin **. */
int settings_take(const struct option_row *row, void *member, const char *value);
