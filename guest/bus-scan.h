/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that the machine has and its snapshot had not. */
#pragma once

#include "base/error.h"

/* Have the kernel search its bus: nothing tells it that they are there. Under emulation
 * this is slow, since code that runs for the first time has to be translated. */
int bus_scan(struct error *err);
