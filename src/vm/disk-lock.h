/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Locks on the user's disks, so that nothing else writes to a disk that a VM uses.
 *
 * They are qemu's: read locks on bytes of the file, that belong to an open file (OFD). Bytes
 * 100 and up say what a process does with the file, and 200 and up what it does not let
 * others do. Any qemu that wants the file sees ours, and we see its.
 *
 *	                 does                             lets nobody
 *	read-only        100 read                         201 write
 *	writable         100 read, 101 write              201 write
 *	not raw          103 resize, if it is writable    203 resize
 *
 * We take them before qemu starts, since a qemu that resumes from a snapshot does not
 * take all of them, and lets two of its own disks be one file. It inherits the open files,
 * so the locks last as long as it does, even if we are killed. For writable disks qemu's own
 * locking is off, as it would find ours in the way.
 */
#pragma once

#include "vm/vm.h"

/* A disk that is locked while `fd` is open, here or in qemu. */
struct disk_lock {
	int fd;
	const struct vm_disk *disk;
};

/* Lock all `n` disks: ret[i] is of disks[i]. */
int disk_locks_take(
	const struct vm_disk *disks, size_t n, struct disk_lock *ret, struct error *err);
void disk_locks_done(struct disk_lock *locks, size_t n);
