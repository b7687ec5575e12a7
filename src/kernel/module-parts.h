/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a module's file has that the boot does better without; module-read.c has the
 * drawing. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The length of the module without its signature: `len` where it has none that makes
 * sense. */
size_t module_signature_cut(const uint8_t *data, size_t len);

/* Rename the module's type information, so that the kernel does not see it. Nothing is
 * changed in a file that is not a 64-bit little-endian ELF object, or lies about its
 * sections. */
void module_btf_hide(uint8_t *data, size_t len);
