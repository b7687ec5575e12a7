/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's network interface. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "protocol/protocol.h"

/* The first interface that is not the loopback; false: there is none. */
bool network_find(char ret_name[static 16]);
/* Give it the address and the routes of `r`, and bring it up. `root` is where /etc is: "" or
 * the tree in which commands run; its resolv.conf and hosts get what `r` says. */
int network_configure(
	const char *name, const struct attach_request *r, struct error *err);
int network_write_names(
	const char *root, const struct attach_request *r, struct error *err);
