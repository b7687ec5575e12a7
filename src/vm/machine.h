/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The virtual machine as qemu's command line. Pure: text in, text out. Private to src/vm.
 *
 * On the PCI bus the user's disks come first and the appliance's root disk last, so that
 * the first of the user's is always /dev/vda:
 *
 *	slot 2        the agent's virtio-serial port
 *	slots 3 to 30 user disks, eight functions a slot
 *	slot 31       the root disk
 */
#pragma once

#include "base/vector.h"
#include "vm/vm.h"

/* The descriptors that qemu inherits; each the far end of a socket pair. */
struct machine_fds {
	int agent, qmp, console;
};

/* `argv` gets the whole line, argv[0] = qemu first. */
void machine_argv(const struct vm_config *config, const char *qemu, bool kvm,
	const struct machine_fds *fds, struct strvec *argv);
/* The kernel's command line alone. */
char *machine_kernel_command_line(const struct vm_config *config, bool kvm);
