/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Snapshots as qemu sees them: the guest's memory is a file that qemu maps, and what its
 * devices know is a stream of some hundred KiB.
 *
 *	taken:    memory mapped shared; what is written to it is the file. Then the stream
 *	resumed:  memory mapped privately, so any number of VMs resume from one file
 *
 * Disk slots
 *
 * A snapshot is taken of a VM without any disk of a user's, and each VM that resumes from
 * it brings its own. For the guest to find them at once the snapshot has reserved slots:
 *
 *	maker    slot 0: placeholder    bound, then unbound    ┐
 *		 slot 1: placeholder    bound, then unbound    ├─ snapshot
 *	user     slot 0: the user's first disk         bind    ┘
 *		 slot 1: the user's second disk        bind
 *
 *   - The maker attaches as many placeholders (empty disks of 1 MiB) as there are to be
 *     slots. The guest's kernel gives each its addresses and interrupts, and the driver
 *     virtio_blk binds to them.
 *   - Before the snapshot the guest unbinds the driver (FRAME_PREPARE_SNAPSHOT), which forgets all
 *     it knew of the placeholders, their names too.
 *   - The VM that resumes has the user's disks at the same addresses: machine.c gives slot
 *     `i` the same PCI function whatever is in it. To the guest's kernel these are the
 *     devices that it knows.
 *   - Then the guest binds the driver again (FRAME_RESUME), which asks each disk for size,
 *     access and partitions. The first gets the name vda, as after a boot: the root is no
 *     virtio disk (root_bus.named_as_disks is false), so the name is free.
 *
 * qemu resumes only the devices that were there, so all reserved slots have to be filled:
 * a snapshot with N slots is for VMs with N disks. Disks of a VM that resumes from a
 * snapshot without slots are new devices, and the guest scans its bus for them.
 */
#pragma once

#include "vm/profile.h"
#include "vm/state.h"
#include "vm/vm.h"

/* Can a VM with this profile and as many disks resume from a snapshot? */
bool snapshot_is_possible(const struct vm_config *config, const struct profile *profile);

/* How many reserved slots the snapshot has that is best for this VM. */
size_t snapshot_best_slots(const struct vm_config *config);

/*
 * Everything that a snapshot with so many reserved slots depends on, as a new text. VMs
 * with equal texts have the same devices. They differ in what the disks hold, and in the
 * disks that have no reserved slot.
 */
char *snapshot_identity(
	const struct vm_config *config, const struct profile *profile, size_t slots);

/* The same of a portable snapshot, which has no reserved slots: of this host it depends on
 * qemu alone. NULL: nobody can tell this qemu from others. */
char *snapshot_portable_identity(
	const struct vm_config *config, const struct profile *profile, struct error *err);

/* Pure: of /proc/cpuinfo, the lines that say what the first processor can do. It leaves
 * out lines that change all the time, such as the clock's speed. `cpuinfo` is modified. */
void snapshot_add_processor(char *cpuinfo, struct strbuf *ret);

/* The same of VMs that resume from a saved state, with as many disks, and a network or
 * none. */
char *snapshot_saved_identity(
	const struct vm_config *config, const struct profile *profile);

/* qemu was started with the snapshot's memory, and waits: ask it to load the state and to
 * run. It has inherited the state's descriptor under the same number. The VM is in
 * PHASE_LOADING now, and in PHASE_RESUMING when qemu says that the guest runs. A guest that
 * stood still when it was written down still does, in PHASE_LOADED. */
int snapshot_ask_load(struct vm *vm, const struct vm_snapshot *snapshot,
	bool stands_still, struct error *err);
/* Have a guest in PHASE_LOADED run; then the phase is PHASE_RESUMING. */
int snapshot_ask_run(struct vm *vm, struct error *err);
/* Write the state of its devices to vm->state_fd; its memory is a file already. */
int snapshot_write(struct vm *vm, struct error *err);
