/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Quantities as people write them. The whole text has to be the quantity: no white space,
 * no sign, nothing behind it. False: it is something else, and nothing is written.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A decimal number from min to max. */
bool quantity_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret);
/*
 * A decimal number and at most one of the letters in `units`, each of which stands for
 * 1024 times the one before it: "bKMGT". Without a letter it is the first of them. The
 * result counts the first unit; it is more than 0 and fits into an int64_t.
 */
bool quantity_parse_size(const char *text, const char *units, uint64_t *ret);
/* Seconds, with a fraction if need be, as milliseconds: more than 0, at most a million
 * seconds. */
bool quantity_parse_seconds(const char *text, unsigned *ret_ms);
