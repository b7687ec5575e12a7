/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Persistent memory as a disk. */
#pragma once

/* Call before the driver is loaded: it then makes no pages for DAX. Best effort. */
void pmem_forgo_pages(void);
