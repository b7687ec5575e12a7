/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The build ID of a program: the note in which the linker says what it has linked, by a digest.
 * It is the same wherever a package is installed, and another one for each build.
 */
#pragma once

#include "base/error.h"

/* As hexadecimal digits: a new string. NULL: it has none, or is a script. */
char *build_id_read(const char *program, struct error *err);
