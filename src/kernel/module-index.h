/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* depmod's index files, as they are to be before libkmod reads them: module-index.c has the
 * drawing. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Is this an index that a search ends in, with no more memory than the file has bytes? NULL: it
 * is. Else what is wrong with it, in a few words. */
const char *module_index_fault(const uint8_t *data, size_t len);
