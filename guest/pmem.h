/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Persistent memory as a disk. */
#pragma once

/* Of that which is found, but not driven yet: no pages for DAX. Best effort. */
void pmem_forgo_pages(void);
