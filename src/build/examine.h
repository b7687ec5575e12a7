/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether an appliance can be made of this host: the builder's part of `hypermin doctor`. */
#pragma once

#include "appliance/builder.h"

/* Finds the package that has the file, by the topic "owner", as --package takes it. None if
 * there is none. */
int examine_owner(const char *root, const char *path, builder_finding_fn *fn, void *data,
	struct error *err);
/* `guest` is the path of the guest program. */
void examine_host(const struct appliance_request *request, const char *guest,
	builder_finding_fn *fn, void *data);
