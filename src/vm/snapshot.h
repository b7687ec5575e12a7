/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Snapshots as qemu sees them: the guest's memory is a file that qemu maps, and what its
 * devices know is a stream of some hundred KiB.
 *
 *	taken:    memory mapped shared; what is written to it is the file. Then the stream
 *	resumed:  memory mapped privately, so any number of VMs go on from one file
 */
#pragma once

#include "vm/profile.h"
#include "vm/state.h"
#include "vm/vm.h"

/* Can a VM with as many disks go on from a snapshot of this profile? */
bool snapshot_is_possible(const struct vm_config *config, const struct profile *profile);

/* How many places for disks the snapshot has that is best for this VM. */
size_t snapshot_best_places(const struct vm_config *config);

/*
 * All that a snapshot with as many places for disks depends on, as text: two VMs with the
 * same identity are alike to the last device, but for what the user's disks are, and
 * those that have no place. A new string.
 */
char *snapshot_identity(
	const struct vm_config *config, const struct profile *profile, size_t places);

/* qemu waits with its memory in place: have it go on. The descriptor is qemu's own. */
int snapshot_ask_resume(struct vm *vm, int state_fd, struct error *err);
/* What QMP said meanwhile: at last vm->loaded is set. */
void snapshot_take_qmp(struct vm *vm, const char *bytes, size_t len);
