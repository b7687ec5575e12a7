/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * qemu's command line from a profile. A profile is a row of a table: what differs between
 * the accelerators is data, and each setting says why it is there.
 */
#include "vm/machine.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "base/strbuf.h"

#define AGENT_SLOT	2
#define FIRST_DISK_SLOT 3
#define ROOT_SLOT	31

struct profile {
	const char *accel;
	const char *cpu;
	const char *const *one_cpu_options; /* of the kernel, besides the common ones */
	bool one_cpu_without_msi;
};

static const char *const common_options[] = {
	"panic=-1", /* a panic resets the machine at once; with -no-reboot that ends qemu */
	"quiet",    /* each line on the serial console costs; errors still come */
	"console=ttyS0",
	/* The self tests of the kernel's crypto code take a quarter of the boot. */
	"cryptomgr.notests",
	NULL,
};

static const char *const tcg_one_cpu_options[] = {
	/* Reading interrupt routing from ACPI costs 140 ms of interpreted methods a
	 * device. The price: kernels without MP table support run without a local APIC,
	 * so with one CPU and without MSI. */
	"pci=noacpi",
	/* Do not rewrite each lock prefix away: TCG would translate the kernel twice. */
	"noreplace-smp",
	NULL,
};

static const char *const no_options[] = {NULL};

static const struct profile tcg_profile = {
	.accel = "tcg",
	/* The x86-64-v2 level that today's distributions are built for. Not `max`: its
	 * fast string instructions are byte loops in TCG, and each further flag is code
	 * the kernel patches in. */
	.cpu = "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+rdrand,+pdpe1gb",
	.one_cpu_options = tcg_one_cpu_options,
	.one_cpu_without_msi = true,
};

static const struct profile kvm_profile = {
	.accel = "kvm",
	.cpu = "host",
	.one_cpu_options = no_options,
};

static const struct profile *profile_of(bool kvm)
{
	return kvm ? &kvm_profile : &tcg_profile;
}

static void add_all(struct strbuf *sb, const char *const *options)
{
	for (; *options; options++)
		strbuf_addf(sb, "%s%s", sb->len ? " " : "", *options);
}

char *machine_kernel_command_line(const struct vm_config *config, bool kvm)
{
	const struct profile *profile = profile_of(kvm);
	struct strbuf sb = {0};

	add_all(&sb, common_options);
	if (config->cpus == 1)
		add_all(&sb, profile->one_cpu_options);
	strbuf_addf(&sb, " root=UUID=%s hypermin.root_serial=" VM_ROOT_SERIAL,
		config->root_uuid);
	return strbuf_detach(&sb);
}

static void add(struct strvec *argv, const char *option, const char *value)
{
	strvec_add(argv, option);
	strvec_add(argv, value);
}

/* -blockdev and -device take JSON, where a file name needs no escaping rules of qemu's
 * own. */
static void add_json(struct strvec *argv, const char *option, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	add(argv, option, text ? text : "");
	free(text);
	json_decref(object);
}

/* Names that are not UTF-8, which JSON can't say, were refused before. */
static json_t *file_node(const char *path, bool block_device, bool read_only, bool lock)
{
	return json_pack("{s:s, s:s, s:b, s:s}", "driver",
		block_device ? "host_device" : "file", "filename", path, "read-only",
		read_only, "locking", lock ? "auto" : "off");
}

static void add_disk(struct strvec *argv, const struct vm_disk *disk, const char *node)
{
	json_t *file = file_node(disk->path, disk->block_device, !disk->writable, true);

	add_json(argv, "-blockdev",
		json_pack("{s:s, s:s, s:b, s:o}", "driver", disk->format, "node-name",
			node, "read-only", !disk->writable, "file", file));
}

/* A device that tries MSI where the kernel has none makes it print a warning with a
 * backtrace. */
static void without_msi(json_t *device, const struct vm_config *config, bool kvm)
{
	if (config->cpus == 1 && profile_of(kvm)->one_cpu_without_msi)
		json_object_set_new(device, "vectors", json_integer(0));
}

static json_t *virtio_blk(
	const char *node, const char *serial, unsigned slot, unsigned function)
{
	CLEANUP_FREE char *address = xasprintf("0x%x.0x%x", slot, function);

	return json_pack("{s:s, s:s, s:s, s:s}", "driver", "virtio-blk-pci", "drive",
		node, "serial", serial, "addr", address);
}

static void add_disks(struct strvec *argv, const struct vm_config *config, bool kvm)
{
	for (size_t i = 0; i < config->n_disks; i++) {
		CLEANUP_FREE char *node = xasprintf("disk%zu", i);
		/* With a serial number of its own none can pass for the root disk. */
		json_t *device = virtio_blk(node, node, FIRST_DISK_SLOT + i / 8, i % 8);
		if (i % 8 == 0)
			json_object_set_new(device, "multifunction", json_true());
		without_msi(device, config, kvm);
		add_disk(argv, &config->disks[i], node);
		add_json(argv, "-device", device);
	}
}

static void add_root(struct strvec *argv, const struct vm_config *config, bool kvm)
{
	json_t *device = virtio_blk("root", VM_ROOT_SERIAL, ROOT_SLOT, 0);

	without_msi(device, config, kvm);
	/* Never written, so nothing to lock; many VMs share it. */
	add_json(argv, "-blockdev",
		json_pack("{s:s, s:s, s:b, s:o}", "driver", "raw", "node-name", "root",
			"read-only", 1, "file",
			file_node(config->root, false, true, false)));
	add_json(argv, "-device", device);
}

static void add_channel(struct strvec *argv, const char *id, int fd)
{
	strvec_add(argv, "-chardev");
	strvec_addf(argv, "socket,id=%s,fd=%d", id, fd);
}

static void add_agent(
	struct strvec *argv, const struct vm_config *config, bool kvm, int fd)
{
	CLEANUP_FREE char *address = xasprintf("0x%x", AGENT_SLOT);
	json_t *device = json_pack("{s:s, s:i, s:s}", "driver", "virtio-serial-pci",
		/* Port 0 is the console's; each port more costs. */
		"max_ports", 2, "addr", address);

	without_msi(device, config, kvm);
	add_channel(argv, "agent", fd);
	add_json(argv, "-device", device);
	add_json(argv, "-device",
		json_pack("{s:s, s:s, s:s}", "driver", "virtserialport", "chardev",
			"agent", "name", VM_AGENT_PORT));
}

void machine_argv(const struct vm_config *config, const char *qemu, bool kvm,
	const struct machine_fds *fds, struct strvec *argv)
{
	const struct profile *profile = profile_of(kvm);
	CLEANUP_FREE char *command_line = machine_kernel_command_line(config, kvm);

	strvec_add(argv, qemu);
	strvec_add(argv, "-no-user-config");
	strvec_add(argv, "-nodefaults");
	add(argv, "-display", "none");
	strvec_add(argv, "-no-reboot");
	add(argv, "-machine", "pc");
	add(argv, "-accel", profile->accel);
	add(argv, "-cpu", profile->cpu);
	strvec_add(argv, "-smp");
	strvec_addf(argv, "%u", config->cpus);
	strvec_add(argv, "-m");
	strvec_addf(argv, "%u", config->memory_mib);
	add(argv, "-kernel", config->kernel);
	add(argv, "-initrd", config->initrd);
	add(argv, "-append", command_line);

	add_channel(argv, "qmp", fds->qmp);
	add(argv, "-mon", "chardev=qmp,mode=control");
	add_channel(argv, "console", fds->console);
	add(argv, "-serial", "chardev:console");
	add_agent(argv, config, kvm, fds->agent);
	add_disks(argv, config, kvm);
	add_root(argv, config, kvm);
}
