/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qemu's command line from a profile, step by step; what differs between profiles is in
 * the tables of profile.c. */
#include "vm/machine.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "base/strbuf.h"
#include "protocol/boot.h"
#include "vm/network.h"
#include "vm/share.h"

/* How long the guest waits for its root disk. */
#define ROOT_FAST_S  20
#define ROOT_PLAIN_S 40

#define PCI_AGENT	2
#define PCI_FIRST_DISK	3
#define PCI_NETWORK	28
#define PCI_ROOT	30
#define MMIO_ROOT	1
#define MMIO_AGENT	2
#define MMIO_NETWORK	3
#define MMIO_FIRST_DISK 23 /* counting down */

/* Long enough for a slow bus, and short enough that the guest can say what it found
 * before the boot's time is over. */
static unsigned root_timeout_s(
	const struct vm_config *config, const struct profile *profile)
{
	unsigned quarter = config->boot_timeout_ms / 4000;

	return MAX(1, MIN(quarter, profile->plain ? ROOT_PLAIN_S : ROOT_FAST_S));
}

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* Where a root in memory lies: behind all of the guest's own memory, however the machine
 * splits that. */
static uint64_t root_address(const struct vm_config *config)
{
	return (4 + (config->memory_mib * MIB + GIB - 1) / GIB) * GIB;
}

char *machine_kernel_command_line(
	const struct vm_config *config, const struct profile *profile)
{
	struct strbuf sb = {0};

	profile_add_kernel_options(profile, &sb);
	strbuf_addf(&sb, " " BOOT_ROOT "UUID=%s", config->root_uuid);
	/* Launchers name no serial number. */
	if (!config->launcher)
		strbuf_adds(&sb, " " BOOT_ROOT_SERIAL ROOT_SERIAL);
	strbuf_addf(&sb, " " BOOT_ROOT_TIMEOUT "%u", root_timeout_s(config, profile));
	if (*config->timezone)
		strbuf_addf(&sb, " " BOOT_TIMEZONE "%s", config->timezone);
	/* Room for all messages: hundreds at the usual level. */
	if (config->attachable)
		strbuf_adds(&sb, " " BOOT_ATTACH);
	if (config->timeline)
		strbuf_adds(&sb, " " BOOT_TIMELINE " log_buf_len=1M");
	if (profile->root_bus->dax)
		strbuf_adds(&sb, " " BOOT_DAX);
	if (config->hold)
		strbuf_addf(&sb, " " BOOT_HOLD "%s", config->hold);
	if (config->launcher)
		strbuf_addf(&sb, " %s", config->launcher->kernel_words);
	if (profile->root_bus->in_memory_map)
		strbuf_addf(&sb, " memmap=%" PRIu64 "!0x%" PRIx64, config->root_size,
			root_address(config));
	/* Addresses in a vmlinux are those of a kernel that was not moved. */
	if (config->gdb_port)
		strbuf_adds(&sb, " nokaslr");
	if (config->by_hand)
		strbuf_adds(&sb, " " BOOT_SHELL);
	if (config->kernel_options)
		strbuf_addf(&sb, " %s", config->kernel_options);
	return strbuf_detach(&sb);
}

/* ---- Pieces of a line ---- */

/* A command line in the making. */
struct machine_line {
	const struct vm_config *config;
	const struct profile *profile;
	struct strvec *argv;
	const struct machine_memory *memory; /* NULL: no file */
};

static void add(const struct machine_line *l, const char *option, const char *value)
{
	strvec_add(l->argv, option);
	strvec_add(l->argv, value);
}

/* -blockdev and -object take JSON, where a file name needs no escaping rules of qemu's
 * own. */
static void add_json(const struct machine_line *l, const char *option, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	add(l, option, text ? text : "");
	free(text);
	json_decref(object);
}

/* -device takes JSON only since qemu 6.2, and does not need it: its words are all our
 * own. */
static void add_device(const struct machine_line *l, json_t *device)
{
	CLEANUP_STRBUF struct strbuf text = {0};
	const char *key;
	json_t *value;

	json_object_foreach(device, key, value)
	{
		if (strcmp(key, "driver") == 0)
			strbuf_adds(&text, json_string_value(value));
		else if (json_is_string(value))
			strbuf_addf(&text, ",%s=%s", key, json_string_value(value));
		else if (json_is_integer(value))
			strbuf_addf(&text, ",%s=%lld", key,
				(long long)json_integer_value(value));
		else
			strbuf_addf(
				&text, ",%s=%s", key, json_is_true(value) ? "on" : "off");
	}
	add(l, "-device", text.data);
	json_decref(device);
}

/* Where a device sits: a PCI device number, or the number of an MMIO transport. */
struct address {
	unsigned device, function, mmio;
};

static bool is_mmio(const struct profile *profile)
{
	return profile->machine->transport == TRANSPORT_MMIO;
}

static void set_text(json_t *device, const char *key, const char *value)
{
	json_object_set_new(device, key, json_string(value));
}

static void set_number(json_t *device, const char *key, unsigned value)
{
	json_object_set_new(device, key, json_integer(value));
}

static void set_address(
	json_t *device, const struct profile *profile, const struct address *address)
{
	CLEANUP_FREE char *place = is_mmio(profile)
		? xasprintf("virtio-mmio-bus.%u", address->mmio)
		: xasprintf("0x%x.0x%x", address->device, address->function);

	set_text(device, is_mmio(profile) ? "bus" : "addr", place);
}

/* `kind` is the name without "-pci" or "-device". */
static json_t *virtio_device(
	const struct profile *profile, const char *kind, const struct address *address)
{
	json_t *device = json_object();
	CLEANUP_FREE char *driver =
		xasprintf("%s-%s", kind, is_mmio(profile) ? "device" : "pci");

	set_text(device, "driver", driver);
	set_address(device, profile, address);
	/* A device that tries MSI where the kernel has none makes it print a warning with
	 * a backtrace. */
	if (!is_mmio(profile) && !profile_has_vectors(profile))
		set_number(device, "vectors", 0);
	return device;
}

static const char *file_driver(bool block_device)
{
	return block_device ? "host_device" : "file";
}

/* Names that are not UTF-8, which JSON can't say, were refused before. */
static json_t *file_node(const char *path, bool block_device, bool read_only, bool lock)
{
	return json_pack("{s:s, s:s, s:b, s:s}", "driver", file_driver(block_device),
		"filename", path, "read-only", read_only, "locking",
		lock ? "auto" : "off");
}

static void add_chardev(const struct machine_line *l, const char *id, int fd)
{
	strvec_add(l->argv, "-chardev");
	strvec_addf(l->argv, "socket,id=%s,fd=%d", id, fd);
}

/* ---- The steps ---- */

/* VMs that are alike but for this differ in what qemu calls their memory, and in
 * devices. */
static bool may_be_copied(const struct machine_line *l)
{
	return l->memory || l->config->lasting;
}

/* By its descriptor: a name could lead to another file when qemu looks it up. */
static void add_memory(const struct machine_line *l)
{
	if (!may_be_copied(l))
		return;
	strvec_add(l->argv, "-object");
	if (!l->memory) {
		strvec_addf(l->argv, "memory-backend-ram,id=memory,size=%uM",
			l->config->memory_mib);
		return;
	}
	strvec_addf(l->argv,
		"memory-backend-file,id=memory,size=%uM,share=%s,mem-path=/proc/self/fd/%d",
		l->config->memory_mib, l->memory->is_private ? "off" : "on",
		l->memory->fd);
}

/* By this device a kernel with the driver also learns that it is one of many now, and
 * mixes the number into its random pool. The kernel finds it by ACPI only, and qemu has
 * it for x86. */
static void add_generation_id(const struct machine_line *l)
{
	if (may_be_copied(l) && profile_has_acpi(l->profile))
		add(l, "-device", "vmgenid,guid=auto");
}

bool machine_spawns(const struct vm_config *config)
{
	return config->network && config->network->endpoints.len;
}

/* qemu's own filter of its system calls. It takes effect before the guest runs. A program
 * that it starts gets a session of its own, which counts as a privilege. */
static void add_sandbox(const struct machine_line *l)
{
	strvec_add(l->argv, "-sandbox");
	strvec_add(l->argv,
		machine_spawns(l->config)
			? "on,obsolete=deny,resourcecontrol=deny"
			: "on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
			  "resourcecontrol=deny");
}

/* What every VM has: qemu itself, the machine, the accelerator, CPUs and memory. */
static void add_base(const struct machine_line *l)
{
	const struct profile *p = l->profile;
	bool is_nvdimm = p->root_bus->kind == ROOT_NVDIMM;

	strvec_add(l->argv, l->config->qemu);
	strvec_add(l->argv, "-no-user-config");
	strvec_add(l->argv, "-nodefaults");
	add(l, "-display", "none");
	strvec_add(l->argv, "-no-reboot");
	if (l->config->sandbox)
		add_sandbox(l);
	add_memory(l);
	strvec_add(l->argv, "-machine");
	strvec_addf(l->argv, "%s%s%s", p->machine->qemu, is_nvdimm ? ",nvdimm=on" : "",
		may_be_copied(l) ? ",memory-backend=memory" : "");
	if (p->machine->firmware)
		add(l, "-bios", p->machine->firmware);
	add(l, "-accel", p->kvm ? "kvm" : "tcg");
	const struct vm_launcher *launcher = l->config->launcher;
	add(l, "-cpu", launcher && launcher->cpu ? launcher->cpu : profile_cpu(p));
	strvec_add(l->argv, "-smp");
	strvec_addf(l->argv, "%u", l->config->cpus);
	strvec_add(l->argv, "-m");
	/* A root in memory takes a slot, and the addresses up to its end. */
	if (p->root_bus->in_memory)
		strvec_addf(l->argv, "%u,slots=1,maxmem=%" PRIu64 "M",
			l->config->memory_mib,
			(root_address(l->config) + l->config->root_size + GIB) / MIB);
	else
		strvec_addf(l->argv, "%u", l->config->memory_mib);
	add_generation_id(l);
}

static void add_kernel(const struct machine_line *l)
{
	CLEANUP_FREE char *command_line =
		machine_kernel_command_line(l->config, l->profile);

	add(l, "-kernel", l->config->kernel);
	add(l, "-initrd", l->config->initrd);
	add(l, "-append", command_line);
}

/* The agent's port, and one for the server of directories: a VM without has nothing behind
 * it. So a snapshot has both, and a guest that resumes has no device to look for. */
static void add_ports(const struct machine_line *l, const struct machine_fds *fds)
{
	json_t *device = virtio_device(l->profile, "virtio-serial",
		&(struct address){.device = PCI_AGENT, .mmio = MMIO_AGENT});

	/* Port 0 is the console's; the usual 31 take a twentieth of the boot. */
	set_number(device, "max_ports", l->config->hold ? 4 : 3);
	add_device(l, device);
	add_chardev(l, "agent", fds->agent);
	add(l, "-device", "virtserialport,chardev=agent,name=" AGENT_PORT_NAME);
	if (vm_shares_need_server(l->config))
		add_chardev(l, SHARE_CHARDEV, fds->share);
	else
		add(l, "-chardev", "null,id=" SHARE_CHARDEV);
	add(l, "-device",
		"virtserialport,chardev=" SHARE_CHARDEV ",name=" SHARE_PORT_NAME);
	if (!l->config->hold)
		return;
	/* Nobody is at the other end until it is let go. */
	add(l, "-chardev", "null,id=" MACHINE_HOLD);
	strvec_add(l->argv, "-device");
	strvec_addf(l->argv, "virtserialport,chardev=" MACHINE_HOLD ",name=%s",
		l->config->hold);
}

/* QMP, the serial console and the ports. */
static void add_channels(const struct machine_line *l, const struct machine_fds *fds)
{
	if (fds->qmp >= 0) {
		add_chardev(l, "qmp", fds->qmp);
		add(l, "-mon", "chardev=qmp,mode=control");
	}
	if (fds->console >= 0) {
		add_chardev(l, "console", fds->console);
		add(l, "-serial", "chardev:console");
	} else {
		/* With qemu's monitor behind it, ctrl-C is for the guest. */
		add(l, "-serial", l->config->by_hand ? "mon:stdio" : "stdio");
	}
	if (!l->config->launcher && !l->config->by_hand)
		add_ports(l, fds);
}

/* The kinds of virtio devices that launchers attach. */
static const char *const launcher_device_kinds[] = {"virtio-scsi-pci",
	"virtio-serial-pci", "virtio-rng-pci", "virtio-net-pci", "virtio-blk-pci"};

/* The companion's port is on the launcher's own controller, so all other devices are
 * where they are without it. */
static void add_launchers_devices(
	const struct machine_line *l, const struct machine_fds *fds)
{
	const struct vm_launcher *launcher = l->config->launcher;

	for (size_t i = 0;
		i < ARRAY_SIZE(launcher_device_kinds) && !profile_has_vectors(l->profile);
		i++) {
		strvec_add(l->argv, "-global");
		strvec_addf(l->argv, "%s.vectors=0", launcher_device_kinds[i]);
	}
	vector_foreach (word, launcher->devices)
		strvec_add(l->argv, *word);
	if (!l->config->hold)
		return;
	add_chardev(l, "agent", fds->agent);
	add(l, "-device", "virtserialport,chardev=agent,name=" AGENT_PORT_NAME);
	for (size_t i = 0; launcher->disks && i < launcher->disks->len; i++)
		strvec_add(l->argv, launcher->disks->items[i]);
}

json_t *machine_disk_node(const struct vm_disk *disk, const char *node, bool lock)
{
	return json_pack("{s:s, s:s, s:b, s:o}", "driver", disk->format, "node-name",
		node, "read-only", !disk->writable, "file",
		file_node(disk->path, disk->block_device, !disk->writable, lock));
}

/* From the process at the other end of a socket: served.h. */
static json_t *served_node(const char *node, int fd)
{
	CLEANUP_FREE char *number = xasprintf("%d", fd);

	return json_pack("{s:s, s:s, s:b, s:{s:s, s:b, s:{s:s, s:s}}}", "driver", "raw",
		"node-name", node, "read-only", 1, "file", "driver", "nbd", "read-only",
		1, "server", "type", "fd", "str", number);
}

/* A disk with nothing but a size. */
static json_t *placeholder_node(const char *node)
{
	return json_pack("{s:s, s:s, s:b, s:b, s:i}", "driver", "null-co", "node-name",
		node, "read-only", 1, "read-zeroes", 1, "size", (int)MIB);
}

/* What the guest writes goes to a file of qemu's without a name, in $TMPDIR or /var/tmp;
 * the image is opened read-only. -blockdev has no such thing. In this old form of option a
 * comma is written twice. Locks are not qemu's to take: see disk-lock.h. */
static void add_overlay(const struct machine_line *l, const char *id, const char *format,
	const char *driver, const char *path)
{
	CLEANUP_STRBUF struct strbuf name = {0};

	for (const char *p = path; *p; p++)
		strbuf_adds(&name, *p == ',' ? ",," : (const char[]){*p, '\0'});
	strvec_add(l->argv, "-drive");
	strvec_addf(l->argv,
		"if=none,id=%s,snapshot=on,format=%s,file.driver=%s,file.locking=off,"
		"file.filename=%s",
		id, format, driver, name.data);
}

json_t *machine_disk_device(const struct profile *profile, size_t i,
	const struct vm_disk *disk, const char *node)
{
	json_t *device = virtio_device(profile, "virtio-blk",
		&(struct address){.device = PCI_FIRST_DISK + i / PCI_FUNCTIONS,
			.function = i % PCI_FUNCTIONS,
			.mmio = MMIO_FIRST_DISK - i});

	if (!is_mmio(profile) && i % PCI_FUNCTIONS == 0)
		json_object_set_new(device, "multifunction", json_true());
	/* With a serial number of ours a user's disk can't pass for the root disk. */
	set_text(device, "drive", node);
	set_text(device, "serial", disk && disk->serial ? disk->serial : node);
	if (disk && disk->sector > 512) {
		set_number(device, "logical_block_size", disk->sector);
		set_number(device, "physical_block_size", disk->sector);
	}
	/* By default qemu stops the guest when the host's disk is full, and waits for
	 * space. Let the guest see the error. */
	set_text(device, "werror", "report");
	return device;
}

static void add_disk(
	const struct machine_line *l, size_t i, const struct machine_fds *fds)
{
	const struct vm_disk *disk = i < l->config->n_disks ? &l->config->disks[i] : NULL;
	CLEANUP_FREE char *node = xasprintf("disk%zu", i);

	if (disk && disk->overlay)
		add_overlay(l, node, disk->format, file_driver(disk->block_device),
			disk->path);
	else if (disk && disk->share)
		add_json(l, "-blockdev",
			served_node(node, fds->disks ? fds->disks[i] : -1));
	else
		add_json(l, "-blockdev",
			/* disk-lock.c has locked the writable ones. */
			disk ? machine_disk_node(
				       disk, node, !disk->writable || l->config->by_hand)
			     : placeholder_node(node));
	add_device(l, machine_disk_device(l->profile, i, disk, node));
}

size_t machine_disks(const struct vm_config *config)
{
	return MAX(config->n_disks, config->reserved_slots);
}

static void add_disks(const struct machine_line *l, const struct machine_fds *fds)
{
	for (size_t i = 0; i < machine_disks(l->config); i++)
		add_disk(l, i, fds);
}

/* ---- Network ---- */

static void add_network(const struct machine_line *l)
{
	if (!l->config->network)
		return;
	CLEANUP_FREE char *backend =
		vm_network_backend(l->config->network, l->config->reach_program);
	json_t *device = virtio_device(l->profile, "virtio-net",
		&(struct address){.device = PCI_NETWORK, .mmio = MMIO_NETWORK});
	strvec_add(l->argv, "-netdev");
	strvec_addf(l->argv, "%s,id=network", backend);
	set_text(device, "netdev", "network");
	/* Nothing boots from it. */
	if (!is_mmio(l->profile))
		set_text(device, "romfile", "");
	add_device(l, device);
}

/* ---- The root ---- */

static const struct address root_bus_address = {.device = PCI_ROOT, .mmio = MMIO_ROOT};

/* The file is mapped where the guest's kernel finds persistent memory. Shared, since a
 * private mapping counts as the guest's own memory and would go into a snapshot. */
static void add_root_in_memory(const struct machine_line *l)
{
	const struct root_bus *bus = l->profile->root_bus;
	bool is_filled = l->memory && l->memory->root_fd >= 0;
	CLEANUP_FREE char *path = is_filled
		? xasprintf("/proc/self/fd/%d", l->memory->root_fd)
		: xstrdup(l->config->root);

	add_json(l, "-object",
		json_pack("{s:s, s:s, s:s, s:b, s:b, s:I}", "qom-type",
			"memory-backend-file", "id", "root", "mem-path", path, "share", 1,
			"readonly", !is_filled, "size",
			(json_int_t)l->config->root_size));
	strvec_add(l->argv, "-device");
	/* virtio-pmem has no property `vectors`. */
	if (bus->kind == ROOT_VIRTIO)
		strvec_addf(l->argv, "%s-pci,addr=0x%x,memdev=root", bus->device,
			root_bus_address.device);
	else
		strvec_addf(l->argv, "%s,memdev=root,unarmed=on,addr=0x%" PRIx64,
			bus->device, root_address(l->config));
}

/* It is never written, and many VMs share it: there is nothing to lock. */
static void add_root_file(const struct machine_line *l)
{
	if (l->profile->root_bus->takes_writable_only) {
		add_overlay(l, "root", "raw", file_driver(false), l->config->root);
		return;
	}
	add_json(l, "-blockdev",
		json_pack("{s:s, s:s, s:b, s:o}", "driver", "raw", "node-name", "root",
			"read-only", 1, "file",
			file_node(l->config->root, false, true, false)));
}

static json_t *root_device(const struct machine_line *l)
{
	const struct root_bus *bus = l->profile->root_bus;

	if (bus->kind == ROOT_VIRTIO)
		return virtio_device(l->profile, bus->device, &root_bus_address);
	json_t *device = json_pack("{s:s}", "driver", bus->device);
	if (bus->kind == ROOT_PCI)
		set_address(device, l->profile, &root_bus_address);
	else
		set_text(device, "bus", bus->kind == ROOT_IDE ? "ide.0" : "rootbus.0");
	return device;
}

static void add_root_controller(const struct machine_line *l)
{
	json_t *controller = virtio_device(l->profile, "virtio-scsi", &root_bus_address);

	set_text(controller, "id", "rootbus");
	add_device(l, controller);
}

static void add_root(const struct machine_line *l)
{
	const struct root_bus *bus = l->profile->root_bus;

	if (bus->in_memory) {
		add_root_in_memory(l);
		return;
	}
	if (bus->kind == ROOT_SCSI)
		add_root_controller(l);
	json_t *device = root_device(l);
	set_text(device, "drive", "root");
	set_text(device, "serial", ROOT_SERIAL);
	add_root_file(l);
	add_device(l, device);
}

/* ---- All of it ---- */

static void add_all_devices(const struct machine_line *l, const struct machine_fds *fds)
{
	const struct vm_launcher *launcher = l->config->launcher;

	add_channels(l, fds);
	if (launcher)
		add_launchers_devices(l, fds);
	else
		add_disks(l, fds);
	add_network(l);
	/* Without a hold point the root is among the launcher's devices. */
	if (!launcher || l->config->hold)
		add_root(l);
}

void machine_argv(const struct vm_config *config, const struct profile *profile,
	const struct machine_fds *fds, struct strvec *argv)
{
	const struct machine_memory recorded = {
		.fd = config->record ? config->record->ram_fd : -1, .root_fd = -1};
	const struct machine_line l = {
		config, profile, argv, config->record ? &recorded : NULL};

	add_base(&l);
	add_kernel(&l);
	add_all_devices(&l, fds);
	if (config->gdb_port) {
		strvec_add(argv, "-gdb");
		strvec_addf(argv, "tcp:127.0.0.1:%u", config->gdb_port);
	}
	if (config->gdb_waits)
		strvec_add(argv, "-S");
	if (config->qemu_args)
		vector_foreach (word, config->qemu_args)
			strvec_add(argv, *word);
}

void machine_resume_argv(const struct vm_config *config, const struct profile *profile,
	const struct machine_fds *fds, const struct vm_snapshot *snapshot,
	struct strvec *argv)
{
	const struct machine_memory memory = {

		.fd = snapshot->ram_fd,
		.is_private = !snapshot->is_checkpoint && !snapshot->is_own,
		.root_fd = snapshot->is_checkpoint ? snapshot->root_fd : -1,
	};
	const struct machine_line l = {config, profile, argv, &memory};

	add_base(&l);
	add_all_devices(&l, fds);
	add(&l, "-incoming", "defer");
}
