/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tables. A number in a comment says what that one setting saves: at "0.13:" a boot without
 * it takes 13 % more CPU time. bench/settings measures this on a host without KVM, and
 * SPECIFICATION.md describes the host.
 */
#include "vm/profile.h"

#include <string.h>

#include "base/mem.h"
#include "vm/initcalls.h"

/* ---- Processors ---- */

static const struct processor x86 = {
	.architecture = "x86_64",
	.qemu = "qemu-system-x86_64",
	.qemu_packages = "Debian: qemu-system-x86, Fedora: qemu-system-x86-core",
	/* The x86-64-v2 level that today's distributions are built for. Not `max`, for
	 * 0.13: its fast string instructions are byte loops in TCG, and each further flag
	 * is code the kernel patches in. */
	.emulated = "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand,+pdpe1gb",
	.is_x86 = true,
};

static const struct processor arm = {
	.architecture = "aarch64",
	.qemu = "qemu-system-aarch64",
	.qemu_packages = "Debian: qemu-system-arm, Fedora: qemu-system-aarch64-core",
	/* The first level of the architecture, which distributions are built for. `max`
	 * signs pointers, which in emulation costs more than all else. */
	.emulated = "cortex-a72",
};

static const struct processor *const processors[] = {&x86, &arm};

const struct processor *processor_find(const char *architecture)
{
	for (size_t i = 0; i < ARRAY_SIZE(processors); i++)
		if (strcmp(processors[i]->architecture, architecture) == 0)
			return processors[i];
	return NULL;
}

/* ---- Machines ---- */

static const struct machine_type machine_types[] = {
	{
		.processor = &x86,
		.name = "pc",
		.qemu = "pc",
		.transport = TRANSPORT_PCI,
		.hot_plug = true,
		.max_disks = 200,
		.serial_console = "ttyS0",
		.ide_driver = "ata_piix",
		.nvdimms = true,
	},
	{
		.processor = &x86,
		.name = "q35",
		.qemu = "q35",
		.transport = TRANSPORT_PCI,
		.max_disks = 200,
		.serial_console = "ttyS0",
		.ide_driver = "ahci",
		.nvdimms = true,
	},
	{
		.processor = &x86,
		/* The real-time clock stays: without one the kernel waits two seconds for
		 * it. */
		.name = "microvm",
		.qemu = "microvm,acpi=on,rtc=on",
		/* With ACPI qemu would take SeaBIOS, which puts the tables at the end of
		 * the memory. There qemu loads the initrd, over them. */
		.firmware = "qboot.rom",
		.transport = TRANSPORT_MMIO,
		/* It has 24 transports for virtio devices. The guest does not see one of
		 * them; the agent, the root and a network take one each. */
		.max_disks = 20,
		.serial_console = "ttyS0",
	},
	{
		.processor = &arm,
		.name = "virt",
		/* Under KVM the interrupt controller has to be the host's. */
		.qemu = "virt,gic-version=max",
		.transport = TRANSPORT_PCI,
		.max_disks = 200,
		.serial_console = "ttyAMA0",
	},
};

const struct machine_type *machine_type_at(size_t i)
{
	return i < ARRAY_SIZE(machine_types) ? &machine_types[i] : NULL;
}

const struct machine_type *machine_type_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(machine_types); i++)
		if (strcmp(machine_types[i].name, name) == 0)
			return &machine_types[i];
	return NULL;
}

/* ---- Root buses ---- */

static const char *const virtio_blk_modules[] = {"virtio_blk", NULL};
static const char *const virtio_scsi_modules[] = {"virtio_scsi", "sd_mod", NULL};
static const char *const scsi_cdrom_modules[] = {"virtio_scsi", "sr_mod", NULL};
static const char *const ide_modules[] = {"sd_mod", NULL};
static const char *const ide_cdrom_modules[] = {"sr_mod", NULL};
static const char *const nvme_modules[] = {"nvme", NULL};
static const char *const virtio_pmem_modules[] = {"virtio_pmem", "nd_pmem", NULL};
static const char *const memmap_modules[] = {"nd_e820", "nd_pmem", NULL};
static const char *const pmem_modules[] = {"nfit", "nd_pmem", NULL};

/* In order of preference: hypermin takes the first row that fits. Persistent memory is first
 * since it boots as fast as any, and such a VM can resume from a snapshot whatever disks it
 * has. virtio-pmem is behind virtio-blk since a VM with it can't resume at all. */
static const struct root_bus root_buses[] = {
	{
		.name = "memmap",
		.kind = ROOT_NVDIMM,
		.device = "nvdimm",
		.in_memory = true,
		.in_memory_map = true,
		.modules = memmap_modules,
	},
	{
		.name = "virtio-blk",
		.kind = ROOT_VIRTIO,
		.named_as_disks = true,
		.device = "virtio-blk",
		.modules = virtio_blk_modules,
	},
	{
		.name = "virtio-pmem",
		.kind = ROOT_VIRTIO,
		.device = "virtio-pmem",
		.in_memory = true,
		.dax = true,
		/* qemu does not save the state of this device's queue: after a snapshot
		 * the kernel would wait for ever for it at the shutdown. */
		.no_snapshots = true,
		.modules = virtio_pmem_modules,
	},
	{
		.name = "virtio-scsi",
		.kind = ROOT_SCSI,
		.device = "scsi-hd",
		.modules = virtio_scsi_modules,
	},
	{
		.name = "nvme",
		.kind = ROOT_PCI,
		.no_snapshots = true,
		.device = "nvme",
		.needs_acpi = true,
		.modules = nvme_modules,
	},
	{
		.name = "pmem",
		.kind = ROOT_NVDIMM,
		.needs_acpi = true,
		.device = "nvdimm",
		.in_memory = true,
		.dax = true,
		.modules = pmem_modules,
	},
	{
		.name = "ide",
		.kind = ROOT_IDE,
		.needs_acpi = true,
		.device = "ide-hd",
		.takes_writable_only = true,
		.modules = ide_modules,
	},
	{
		.name = "scsi-cdrom",
		.kind = ROOT_SCSI,
		.device = "scsi-cd",
		.modules = scsi_cdrom_modules,
	},
	{
		.name = "ide-cdrom",
		.kind = ROOT_IDE,
		.needs_acpi = true,
		.device = "ide-cd",
		.modules = ide_cdrom_modules,
	},
};

const struct root_bus *root_bus_at(size_t i)
{
	return i < ARRAY_SIZE(root_buses) ? &root_buses[i] : NULL;
}

const struct root_bus *root_bus_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(root_buses); i++)
		if (strcmp(root_buses[i].name, name) == 0)
			return &root_buses[i];
	return NULL;
}

bool profile_fits(const struct machine_type *machine, const struct root_bus *bus)
{
	bool has_pci = machine->transport == TRANSPORT_PCI;

	switch (bus->kind) {
	case ROOT_VIRTIO:
		/* qemu has virtio-pmem only as a PCI device. */
		return has_pci || !bus->in_memory;
	case ROOT_SCSI:
		return true;
	case ROOT_IDE:
		return machine->ide_driver != NULL;
	case ROOT_PCI:
		return has_pci;
	case ROOT_NVDIMM:
		return machine->nvdimms;
	}
	return false;
}

/* ---- What follows from the choice ---- */

/* Facts about a profile. An option is given where all facts in its `when` hold. */
enum fact {
	FACT_FAST = 1 << 0, /* speed may be bought with what few will miss */
	FACT_TCG = 1 << 1,
	FACT_ONE_CPU = 1 << 2,
	FACT_PC = 1 << 3,
	FACT_MICROVM = 1 << 4,
	FACT_NO_ACPI_NEEDED = 1 << 5,
	FACT_TSC_KNOWN = 1 << 6,
	FACT_ROOT_IN_MEMORY = 1 << 7,
	FACT_X86 = 1 << 8,
	FACT_QUIET = 1 << 9,
	FACT_PORTABLE = 1 << 10,
};

static unsigned facts(const struct profile *p)
{
	unsigned set = 0;

	if (!p->plain)
		set |= FACT_FAST;
	if (!p->verbose)
		set |= FACT_QUIET;
	if (!p->kvm)
		set |= FACT_TCG;
	if (p->cpus == 1)
		set |= FACT_ONE_CPU;
	if (strcmp(p->machine->name, "pc") == 0)
		set |= FACT_PC;
	if (strcmp(p->machine->name, "microvm") == 0)
		set |= FACT_MICROVM;
	if (!p->root_bus->needs_acpi)
		set |= FACT_NO_ACPI_NEEDED;
	if (p->tsc_khz)
		set |= FACT_TSC_KNOWN;
	if (p->root_bus->in_memory)
		set |= FACT_ROOT_IN_MEMORY;
	if (p->machine->processor->is_x86)
		set |= FACT_X86;
	if (p->portable)
		set |= FACT_PORTABLE;
	return set;
}

static bool all_hold(const struct profile *p, unsigned when)
{
	return (facts(p) & when) == when;
}

/* With these facts the kernel is kept from ACPI. */
#define WITHOUT_ACPI (FACT_FAST | FACT_TCG | FACT_ONE_CPU | FACT_PC | FACT_NO_ACPI_NEEDED)

static const struct kernel_option {
	const char *text;
	unsigned when;
} kernel_options[] = {
	/* A panic resets the machine at once; with -no-reboot that ends qemu. */
	{"panic=-1", 0},
	/* 0.13: each line on the serial console costs; errors still come. */
	{"quiet", FACT_QUIET},
	/* 0.26: the self tests of the kernel's crypto code. */
	{"cryptomgr.notests", FACT_FAST},
	/* 0.20: interrupt routing in ACPI is 140 ms of interpreted methods a device, and
	 * there is the rest of ACPI. The price: no local APIC, so one CPU and no MSI; and
	 * the machine can be reset but not turned off. */
	{"acpi=off", WITHOUT_ACPI},
	/* 0.20 on kernels that find the APIC by the MP table, as most distributions' do:
	 * they calibrate its timer against the PIT. */
	{"nolapic", WITHOUT_ACPI},
	/* For memory, not for speed: ACPI says that memory may be plugged in beyond 4
	 * GiB, where the root is. For that case the kernel would set 64 MiB aside as
	 * bounce buffers for old devices. */
	{"numa=off", FACT_ROOT_IN_MEMORY},
	/* 0.15: do not patch each lock prefix away. Each patch makes TCG translate the
	 * code around it again. */
	{"noreplace-smp", FACT_X86 | FACT_FAST | FACT_TCG | FACT_ONE_CPU},
	/* For a clock, not for speed: without ACPI the kernel can calibrate the TSC only
	 * against the PIT. On a busy host that fails, and the guest is left with its
	 * ticks. */
	{"tsc=reliable", WITHOUT_ACPI | FACT_TSC_KNOWN},
	/* To boot at all: an emulated microvm has no timer to calibrate the TSC against. */
	{"tsc=reliable", FACT_TCG | FACT_MICROVM | FACT_TSC_KNOWN},
	/* To go on elsewhere: under TCG the guest's TSC is the host's, which runs at another
	 * speed on another host. Without ACPI the kernel knows no other clock than the PIT,
	 * and has to be told where SeaBIOS puts the ACPI timer. */
	{"tsc=unstable", FACT_X86 | FACT_PORTABLE},
	{"pmtmr=0x608", WITHOUT_ACPI | FACT_PORTABLE},
	/* To boot on a busy host: there the emulated timer misses ticks, and a kernel
	 * that counts ticks to find out how the timer is wired to the APIC panics. */
	{"no_timer_check", FACT_X86 | FACT_TCG},
};

void profile_add_kernel_options(const struct profile *p, struct strbuf *line)
{
	strbuf_addf(line, "console=%s", p->machine->serial_console);
	for (size_t i = 0; i < ARRAY_SIZE(kernel_options); i++)
		if (all_hold(p, kernel_options[i].when))
			strbuf_addf(line, " %s", kernel_options[i].text);
	if (all_hold(p, FACT_TCG | FACT_MICROVM | FACT_TSC_KNOWN) ||
		all_hold(p, WITHOUT_ACPI | FACT_TSC_KNOWN))
		strbuf_addf(line, " tsc_early_khz=%u", p->tsc_khz);
	if (profile_skips_initcalls(p))
		initcalls_add_option(p->lean, line);
}

/* On a real processor these take a few milliseconds. */
bool profile_skips_initcalls(const struct profile *p)
{
	return all_hold(p, FACT_FAST | FACT_TCG);
}

/* On aarch64 ACPI comes from a firmware, and there is none. */
bool profile_has_acpi(const struct profile *p)
{
	return all_hold(p, FACT_X86) && !all_hold(p, WITHOUT_ACPI);
}

/* Kernels that read no MP table have no local APIC without ACPI, and so no MSI. */
bool profile_has_vectors(const struct profile *p)
{
	return !all_hold(p, WITHOUT_ACPI);
}

const char *profile_cpu(const struct profile *p)
{
	return p->kvm ? "host" : p->machine->processor->emulated;
}
