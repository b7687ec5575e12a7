/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taking the snapshot that later launches resume. */
#pragma once

#include "base/error.h"

/* For launches with this command line. Its disks are not touched. */
int take(int argc, char **argv, struct error *err);
