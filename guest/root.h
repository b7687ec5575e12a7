/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which disk is the appliance's own: the one that root= names. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "guest/options.h"

/* Wait until it is there. ret_name is its node below /dev. `module_failure` goes into the
 * message if it does not appear. */
int root_find(const struct boot_options *o, int uevents, const char *module_failure,
	char ret_name[static 64], struct error *err);
/* Is it there already? */
bool root_is_here(const struct boot_options *o, int uevents);
