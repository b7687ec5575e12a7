/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names that users give to what they keep, and that become names of files. */
#pragma once

#include "base/error.h"

#define NAME_LENGTH_MAX 63

/* 1 to 63 letters, digits and "._-", the first of them a letter or digit. `what` is being
 * named: "a session". */
int name_check(const char *what, const char *name, struct error *err);
