/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a VM takes of its host: for its timeline. */
#pragma once

#include "vm/state.h"

/* Before the command: bytes read from the root disk, qemu's proportional memory. What
 * can't be found out stays unknown. */
void measure_boot(struct vm *vm, const struct vm_config *config);
/* At the end: its peak. */
void measure_end(struct vm *vm);

/* Pure: what query-blockstats returns, with the root's bytes in it; or -1. */
int64_t measure_root_bytes(const json_t *devices);
/* Pure: "Pss:  123 kB" in a file of /proc; or -1. */
int64_t measure_parse_kib(const char *text, const char *name);
