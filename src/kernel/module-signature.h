/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The signature behind a module; module-read.c has the drawing. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The length of the module without its signature: `len` where it has none that makes
 * sense. Pure. */
size_t module_signature_cut(const uint8_t *data, size_t len);
