/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The half-MD4 hash of names, with bytes taken as unsigned. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Always even, since bit 0 has another meaning in a hash tree. */
uint32_t hash_name(const char *name, size_t len, const uint32_t seed[static 4]);
