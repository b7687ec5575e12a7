/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The length of the character at `s`, of which `len` bytes are there. 0: not UTF-8. */
size_t utf8_character_len(const char *s, size_t len);
/* File names may hold any bytes; JSON, and so qemu's block layer, takes only UTF-8. */
bool utf8_is_valid(const char *s);
