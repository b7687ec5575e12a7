/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /etc/localtime from a rule as in TZ, without any zone data. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "protocol/boot.h"

enum { TIMEZONE_FILE_SIZE = 44 + 10 + 44 + 9 + 10 + 1 + TIMEZONE_SIZE + 1 };

/* Only if the appliance has no /etc/localtime, and the rule is not "". */
void timezone_set(const char *rule);
/* Pure: the file's content. Returns its length. */
size_t timezone_make_file(const char *rule, uint8_t ret[static TIMEZONE_FILE_SIZE]);
