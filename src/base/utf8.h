/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* File names may hold any bytes; JSON, and so qemu's block layer, takes UTF-8 alone. */
#pragma once

#include <stdbool.h>

bool utf8_is_valid(const char *s);
