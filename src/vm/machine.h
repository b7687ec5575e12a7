/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The virtual machine as qemu's command line. Pure: text in, text out.
 *
 * The user's disks come first and the appliance's root disk last, so that the first of
 * the user's is always /dev/vda, whatever the bus of the root:
 *
 *	PCI:	slot 2        the agent's virtio-serial port
 *		slots 3 to 27 user disks, eight functions a slot
 *		slot 28       the network interface
 *		slot 29       the port of the directory server
 *		slot 30       the root disk or its controller (31 is taken on q35)
 *	MMIO:	23 to 5       user disks: the guest finds the highest first
 *		4             the network interface
 *		3             the port of the directory server
 *		2             the agent's port
 *		1             the root disk or its controller
 *		0             none: the guest finds nothing there
 */
#pragma once

#include <jansson.h>

#include "base/vector.h"
#include "vm/profile.h"
#include "vm/vm.h"

/* What qemu calls the other end of the port for directories. */
#define SHARE_CHARDEV "shares"

/* The descriptors that qemu inherits; each the far end of a socket pair, or -1: there is
 * none. Without one the console is on qemu's standard input and output. */
struct machine_fds {
	int agent, qmp, console, share;
	/* By a disk's number: the socket of a share that is this disk. NULL: none is. */
	const int *disks;
};

/* The guest's memory, where it is a file. */
struct machine_memory {
	int fd;
	bool is_private; /* mapped so: the file does not change */
	int root_fd;	 /* for a root in memory; -1: it is in its file */
};

/* `argv` gets the whole line, argv[0] = qemu first. */
void machine_argv(const struct vm_config *config, const struct profile *profile,
	const struct machine_fds *fds, struct strvec *argv);
/* The line of a VM that resumes from a snapshot: there is no kernel to load. */
void machine_resume_argv(const struct vm_config *config, const struct profile *profile,
	const struct machine_fds *fds, const struct vm_snapshot *snapshot,
	struct strvec *argv);

/* The chardev of the port that an appliance is held at. */
#define MACHINE_HOLD "hold"

/* The functions of a PCI slot: so many disks share one. */
#define PCI_FUNCTIONS 8

/*
 * The parts of a disk: a node of qemu's block layer, and the device in slot `i` that has it
 * for its content; `disk` NULL: a placeholder. Arguments for blockdev-add and device_add.
 * `lock`: qemu locks the file if the disk is read-only.
 */
json_t *machine_disk_node(const struct vm_disk *disk, const char *node, bool lock);
json_t *machine_disk_device(const struct profile *profile, size_t i,
	const struct vm_disk *disk, const char *node);

/* How many disk slots are filled, by the user's disks and by placeholders. */
size_t machine_disks(const struct vm_config *config);

/* Does its qemu start programs? It does for --reach. */
bool machine_spawns(const struct vm_config *config);

/* The kernel's command line alone. */
char *machine_kernel_command_line(
	const struct vm_config *config, const struct profile *profile);
