/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cold half of assembly.h: gather what the inputs say, and write it to the output. */
#pragma once

#include "appliance/assembly.h"
#include "appliance/build.h"

int assemble(
	const struct assembly *a, const struct build_options *options, struct error *err);
