/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm/confinement.h"

#include <elf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/strbuf.h"
#include "protocol/protocol.h"
#include "vm/disk.h"
#include "vm/machine.h"

/* qemu has a handful for each of up to 200 disks, and two for each connection of its user
 * network. */
#define QEMU_DESCRIPTORS 16384
/* The files that are read, and a few more. */
#define SERVE_DESCRIPTORS 256

/* Ports below this are root's, by a capability. */
#define FIRST_FREE_PORT 1024

#define CAPABILITY(name) (UINT64_C(1) << (name))

/* PATH: of a script in qemu's place. LD_LIBRARY_PATH: of a qemu that is not the system's. */
static const char *const qemu_variables[] = {"PATH", "LD_LIBRARY_PATH", "TMPDIR", NULL};
/* What sanitizers are told, which only developers' builds have. */
static const char *const share_variables[] = {
	"ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", NULL};

/* How names of hosts are looked up. */
static const char *const resolver_files[] = {"/etc/resolv.conf", "/etc/hosts",
	"/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services",
	"/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf", "/run/nscd"};

/* ---- Programs ---- */

static bool begins_with(int fd, const char *bytes, size_t len)
{
	char start[16];

	return len <= sizeof(start) && io_pread_full(fd, start, len, 0) == (ssize_t)len &&
		memcmp(start, bytes, len) == 0;
}

/* What the kernel executes for it: the dynamic linker. */
static void add_interpreter(struct confine_needs *needs, int fd)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	char path[256];

	if (!begins_with(fd, ELFMAG, SELFMAG) ||
		io_pread_full(fd, &header, sizeof(header), 0) != sizeof(header) ||
		header.e_ident[EI_CLASS] != ELFCLASS64)
		return;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		if (io_pread_full(fd, &segment, sizeof(segment),
			    header.e_phoff + i * sizeof(segment)) != sizeof(segment))
			return;
		if (segment.p_type != PT_INTERP || segment.p_filesz >= sizeof(path))
			continue;
		if (io_pread_full(fd, path, segment.p_filesz, segment.p_offset) !=
			(ssize_t)segment.p_filesz)
			return;
		confine_may_need_own(needs,
			xasprintf("%.*s", (int)segment.p_filesz, path), CONFINE_EXECUTE);
	}
}

/* False: it is a script. */
static bool add_program(struct confine_needs *needs, const char *path)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	confine_need_file(needs, path, CONFINE_EXECUTE);
	if (fd < 0)
		return true;
	add_interpreter(needs, fd);
	return !begins_with(fd, "#!", 2);
}

/* A qemu that is not the system's: what it was installed with, or its build tree. */
static void add_firmware(struct confine_needs *needs, const char *qemu)
{
	static const char *const places[] = {"../share/qemu", "../share/seabios",
		"../share/edk2", "../lib", "../lib64", "qemu-bundle", "pc-bios",
		"../pc-bios"};
	CLEANUP_FREE char *real = realpath(qemu, NULL);

	if (!real || strncmp(real, "/usr/", 5) == 0)
		return;
	*strrchr(real, '/') = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		confine_may_need_own(
			needs, xasprintf("%s/%s", real, places[i]), CONFINE_READ);
}

static void add_libraries(struct confine_needs *needs)
{
	const char *variable = getenv("LD_LIBRARY_PATH");
	CLEANUP_FREE char *copy = variable ? xstrdup(variable) : NULL;
	char *rest = copy;

	for (char *place; (place = strsep(&rest, ":"));)
		if (*place == '/')
			confine_may_need_own(needs, xstrdup(place), CONFINE_READ);
}

/* ---- Disks ---- */

/* qemu has what is written to an overlay in a file that it makes in $TMPDIR or, some
 * versions even where that is /tmp, in /var/tmp. */
static void add_temporary(struct confine_needs *needs)
{
	static const char *const usual[] = {"/var/tmp"};

	confine_need_file(needs, getenv("TMPDIR"), CONFINE_MAKE_FILES);
	confine_may_need_files(needs, usual, 1, CONFINE_MAKE_FILES);
	needs->writes = true;
}

static void add_disks(const struct vm_config *config, struct confine_needs *needs)
{
	for (size_t i = 0; i < config->n_disks; i++) {
		const struct vm_disk *disk = &config->disks[i];
		if (disk->share)
			continue;
		confine_need_file(
			needs, disk->path, disk->writable ? CONFINE_WRITE : CONFINE_READ);
		needs->writes |= disk->writable;
		if (disk->overlay)
			add_temporary(needs);
		if (vm_disk_names_others(disk))
			needs->without[CONFINE_LANDLOCK] =
				"a disk image names other files, which qemu has to open";
	}
}

/* ---- The network ---- */

static void add_network(const struct vm_network *network, struct confine_needs *needs)
{
	vector_foreach (forward, &network->forwards) {
		if (!forward->udp)
			vector_push(&needs->ports, forward->host_port);
		if (forward->host_port < FIRST_FREE_PORT)
			needs->capabilities |= CAPABILITY(CAP_NET_BIND_SERVICE);
	}
	needs->network = network->endpoints.len ? CONFINE_ANY_NETWORK
		: network->internet		? CONFINE_INTERNET
						: CONFINE_PORTS;
	if (network->internet || network->endpoints.len)
		confine_may_need_files(
			needs, resolver_files, ARRAY_SIZE(resolver_files), CONFINE_READ);
}

/* ---- qemu ---- */

static void add_parts(struct confine_needs *needs, const struct vm_config *config)
{
	const char *const names[] = {config->kernel, config->initrd, config->root};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i])
			vector_push(&needs->files,
				(struct confine_file){names[i],
					config->part_fds ? config->part_fds[i] : -1,
					CONFINE_READ, true});
}

/* Only a core dump is never needed. */
static void forget_needs(struct confine_needs *needs)
{
	for (enum confine_layer i = 0; i < CONFINE_LAYERS; i++)
		if (i != CONFINE_LIMITS)
			needs->without[i] =
				"the user has added arguments for qemu (--qemu-arg)";
	needs->writes = true;
	needs->max_descriptors = 0;
}

void confinement_of_qemu(const struct vm_config *config, const struct profile *profile,
	int ram_fd, struct confine *ret)
{
	struct confine_needs needs = {
		.program = "qemu",
		.variables = qemu_variables,
		.max_descriptors = QEMU_DESCRIPTORS,
		.strict = config->strict,
	};

	if (!config->sandbox)
		needs.without[CONFINE_OWN_FILTER] =
			"this qemu has none, or the host forbids it";
	confine_need_system(&needs);
	add_libraries(&needs);
	add_firmware(&needs, config->qemu);
	if (!add_program(&needs, config->qemu)) {
		needs.without[CONFINE_LANDLOCK] = needs.without[CONFINE_FILTER] =
			"qemu is a script, which may need anything";
		needs.writes = true;
	}
	if (machine_spawns(config)) {
		needs.starts_programs = true;
		add_program(&needs, config->reach_program);
	}
	confine_need_file(&needs, "/dev/null", CONFINE_WRITE);
	if (profile->kvm)
		confine_need_file(&needs, "/dev/kvm", CONFINE_WRITE);
	add_parts(&needs, config);
	add_disks(config, &needs);
	if (ram_fd >= 0)
		confine_need_fd(&needs, ram_fd, CONFINE_WRITE);
	/* A snapshot's memory is a file, and so is a checkpoint. Disks that come later it
	 * gets as open files, so it needs no right to open them. */
	needs.writes |= config->record != NULL || config->lasting || config->awaits_disks;
	if (profile->root_bus->takes_writable_only)
		add_temporary(&needs);
	if (config->network)
		add_network(config->network, &needs);
	if (config->gdb_port) {
		vector_push(&needs.ports, config->gdb_port);
		needs.network = MAX(needs.network, CONFINE_PORTS);
	}
	if (config->qemu_args)
		forget_needs(&needs);
	confine_init(ret, &needs);
}

void confinement_of_share(const struct vm_config *config, struct confine *ret)
{
	struct confine_needs needs = {
		.program = "hypermin-share",
		.variables = share_variables,
		.capabilities = CONFINE_FILES_OF_ALL,
		.writes = true,
		.not_for_it = 1u << CONFINE_OWN_FILTER,
		.strict = config->strict,
	};

	confine_need_system(&needs);
	add_program(&needs, config->share_program);
	for (size_t i = 0; i < config->n_shares; i++)
		if (!attach_mode_is_served(config->shares[i].mode))
			confine_need_fd(&needs, config->shares[i].fd,
				strcmp(config->shares[i].mode, ATTACH_MODE_WRITABLE) == 0
					? CONFINE_CHANGE
					: CONFINE_READ);
	confine_init(ret, &needs);
}

void confinement_of_served(
	const struct vm_config *config, const struct vm_share *share, struct confine *ret)
{
	struct confine_needs needs = {
		.program = "hypermin-serve",
		.variables = share_variables,
		/* Root's server reads what root may read. */
		.capabilities = CAPABILITY(CAP_DAC_READ_SEARCH),
		.max_descriptors = SERVE_DESCRIPTORS,
		.not_for_it = 1u << CONFINE_OWN_FILTER,
		.strict = config->strict,
	};

	confine_need_system(&needs);
	add_program(&needs, config->serve_program);
	confine_need_fd(&needs, share->fd, CONFINE_READ);
	confine_init(ret, &needs);
}

int confinement_examine(const char *qemu, bool sandbox, confine_report_fn *fn, void *data,
	struct error *err)
{
	const struct vm_config config = {.qemu = qemu, .sandbox = sandbox};
	const struct profile profile = {
		.machine = machine_type_at(0), .root_bus = root_bus_at(0)};
	CLEANUP_CONFINE struct confine confine = {0};

	confinement_of_qemu(&config, &profile, -1, &confine);
	return confine_try(&confine, fn, data, err);
}
