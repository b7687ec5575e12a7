/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order of version strings that the distributions share: runs of digits count as
 * numbers, a letter comes before any other character, and '~' before everything, even the
 * end of the string, so that "6.8~rc1" comes before "6.8". What the parts of a version
 * mean is the caller's matter.
 */
#pragma once

#include <stddef.h>

/* Negative, 0 or positive, as strcmp(). The strings need no terminator and may hold any
 * bytes. */
int version_compare(const char *a, size_t a_len, const char *b, size_t b_len);
