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
	const char *architecture;  /* as base/architecture.h names it */
	const char *qemu;	   /* qemu's program */
	const char *qemu_packages; /* where that comes from, for people */
	const char *emulated;	   /* the value of -cpu without KVM */
	bool is_x86;
};

struct machine_type {
	const struct processor *processor;
	const char *name;
	const char *qemu; /* the value of -machine */
	enum transport transport;
	unsigned max_disks; /* of the user's */
	const char *serial_console;
	const char
		*ide_driver; /* the kernel's for the machine's own controller, or NULL */
	bool nvdimms;	     /* the guest is told of them, by ACPI or an x86 memory map */
};

/* The devices that make the root disk, each as -device has it. */
struct root_bus {
	const char *name;
	const char *controller; /* virtio, without "-pci" or "-device"; NULL: none */
	const char *device;
	bool device_is_virtio;	  /* its name lacks the same */
	bool device_is_pci;	  /* it sits on the PCI bus itself */
	const char *attached;	  /* the bus it is attached to, where not by itself */
	bool takes_writable_only; /* the device refuses a medium that is not */
	bool in_memory;		  /* a range of physical addresses and no disk at all */
	bool in_memory_map;	  /* the kernel's command line says where */
	bool dax;		  /* files are mapped where they lie */
	bool needs_acpi; /* of a kernel that does not read ACPI, it gets no resources */
	bool named_as_disks; /* in the guest its name is from the same row as the user's */
	bool no_snapshots;   /* qemu can't put its state into one */
	const char *const *modules; /* drivers, NULL-terminated */
};

struct profile {
	const struct machine_type *machine;
	const struct root_bus *root_bus;
	bool kvm;
	bool plain;
	bool verbose; /* the guest's kernel says on its console what it does */
	unsigned cpus;
	unsigned tsc_khz; /* of the host's time stamp counter; 0: unknown */
};

/* NULL: none of this architecture's machines is known. */
const struct processor *processor_find(const char *architecture);
/* The best first; NULL behind the last. */
const struct machine_type *machine_type_at(size_t i);
const struct root_bus *root_bus_at(size_t i);
/* NULL where there is none of this name. */
const struct machine_type *machine_type_find(const char *name);
const struct root_bus *root_bus_find(const char *name);
/* Is it attached to the machine's own controller? */
bool root_bus_is_ide(const struct root_bus *bus);
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
