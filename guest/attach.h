/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the machine has beyond disks: a network, and directories of the host. */
#pragma once

#include "base/error.h"
#include "protocol/protocol.h"

/* Find it, by a scan of the bus if the snapshot had not got it, and put it to use. */
int attach(const struct attach_request *r, struct error *err);
