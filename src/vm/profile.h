/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a VM is started as, as tables of data: the machine, the accelerator, the bus that
 * the root disk is on, and the words on the kernel's command line. Pure.
 *
 *	profile = machine × accelerator × root bus × (plain or fast)
 *
 * A plain profile has none of the settings that are only for speed. It boots where the
 * kernel or qemu does not work with them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/* How virtio devices are found. */
enum transport { TRANSPORT_PCI, TRANSPORT_MMIO };

/* What an architecture's machines have in common. */
struct processor {
	/* As base/architecture.h names it. */
	const char *architecture;
	/* qemu's program, and the packages that it comes from. */
	const char *qemu;
	const char *qemu_packages;
	/* The value of -cpu without KVM. */
	const char *emulated;
	bool is_x86;
};

struct machine_type {
	const struct processor *processor;
	const char *name;
	/* The value of -machine. */
	const char *qemu;
	/* The firmware; NULL: qemu's own choice. */
	const char *firmware;
	enum transport transport;
	/* Devices can be added while the guest runs. */
	bool hot_plug;
	/* So many disks of the user's fit. */
	unsigned max_disks;
	const char *serial_console;
	/* The kernel's module for the IDE controller that the machine has; NULL: it has
	 * none. */
	const char *ide_driver;
	/* It can have NVDIMMs: the guest's kernel learns where they are, by ACPI or by the
	 * memory map of an x86 firmware. */
	bool nvdimms;
};

/* How the root disk is connected to the machine. */
enum root_kind {
	/* A virtio device. In the table its name lacks the transport, "-pci" or "-device". */
	ROOT_VIRTIO,
	/* A disk at a virtio-scsi controller, which hypermin adds for it. */
	ROOT_SCSI,
	/* A disk at the IDE controller that the machine has. */
	ROOT_IDE,
	/* A device on the PCI bus that is not virtio. */
	ROOT_PCI,
	/* A memory module: it lies in the guest's physical addresses. */
	ROOT_NVDIMM,
};

struct root_bus {
	const char *name;
	enum root_kind kind;
	/* The device, as -device has it. */
	const char *device;
	/* qemu opens only a writable medium for the device. */
	bool takes_writable_only;
	/* The guest reads the image as memory, at physical addresses. Not a disk. */
	bool in_memory;
	/* hypermin says on the kernel's command line where it lies. */
	bool in_memory_map;
	/* The guest mounts the root with DAX: it maps files where they lie. */
	bool dax;
	/* The kernel has to read ACPI tables, else the device does not work. */
	bool needs_acpi;
	/* The guest names the root in the same series as the user's disks (vda, vdb, …). */
	bool named_as_disks;
	/* qemu can't save the device's state. */
	bool no_snapshots;
	/* Drivers, NULL-terminated. */
	const char *const *modules;
};

struct profile {
	const struct machine_type *machine;
	const struct root_bus *root_bus;
	bool kvm;
	bool plain;
	/* If it is not plain: the kernel goes without tracing, and without what BPF programs
	 * call. */
	bool lean;
	/* The guest's kernel says on its console what it does. */
	bool verbose;
	/* The guest's clock is a timer that qemu emulates, and not the host's time stamp
	 * counter: it can go on on another host, where that runs at another speed. */
	bool portable;
	unsigned cpus;
	/* The frequency of the host's time stamp counter; 0: unknown. */
	unsigned tsc_khz;
};

/* NULL: none of this architecture's machines is known. */
const struct processor *processor_find(const char *architecture);
/* Row i of the table, in order of preference; NULL behind the last. */
const struct machine_type *machine_type_at(size_t i);
const struct root_bus *root_bus_at(size_t i);
/* NULL where there is none of this name. */
const struct machine_type *machine_type_find(const char *name);
const struct root_bus *root_bus_find(const char *name);
/* Has the machine this bus? */
bool profile_fits(const struct machine_type *machine, const struct root_bus *bus);

/* The value of -cpu. */
const char *profile_cpu(const struct profile *p);
/* Does the guest have ACPI? */
bool profile_has_acpi(const struct profile *p);
/* Are interrupts to be had by message (MSI)? */
bool profile_has_vectors(const struct profile *p);
/* Are parts of the kernel left out (initcalls.h)? */
bool profile_skips_initcalls(const struct profile *p);
/* The words on the kernel's command line that are about the machine. */
void profile_add_kernel_options(const struct profile *p, struct strbuf *line);
