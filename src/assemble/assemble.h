/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cold half of appliance/assembly.h: gather what the inputs say, and write it to the
 * output. */
#pragma once

#include "appliance/assembly.h"
#include "build/build.h"

/* 1: if_newer, and the output is as it would be made; only its stamp was outdated. */
int assemble(
	const struct assembly *a, const struct build_options *options, struct error *err);
