/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Would an appliance come of this host? The builder's part of `hypermin doctor`. */
#pragma once

#include "appliance/appliance.h"

/* The same values as enum hypermin_finding. */
enum examine_finding { EXAMINE_OK, EXAMINE_NOTE, EXAMINE_PROBLEM };

typedef void examine_fn(enum examine_finding finding, const char *topic, const char *text,
	const char *advice, void *data);

/* `guest` is the path of the guest program. */
void examine_host(const struct appliance_request *request, const char *guest,
	examine_fn *fn, void *data);
