/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm/confinement.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#include "base/io.h"

/* qemu has a handful for each of up to 200 disks, and two for each connection of its user
 * network. */
#define QEMU_DESCRIPTORS 16384

/* Ports below this are root's, by a capability. */
#define FIRST_FREE_PORT 1024

#define CAPABILITY(name) (UINT64_C(1) << (name))

/* PATH: of a script in qemu's place. LD_LIBRARY_PATH: of a qemu that is not the system's. */
static const char *const qemu_variables[] = {"PATH", "LD_LIBRARY_PATH", "TMPDIR", NULL};
/* What sanitizers are told, which only developers' builds have. */
static const char *const share_variables[] = {
	"ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", NULL};

static void add_file(struct confine_needs *needs, const char *path, bool writable)
{
	if (path)
		vector_push(&needs->files, (struct confine_file){path, writable});
}

static void add_disks(const struct vm_config *config, struct confine_needs *needs)
{
	for (size_t i = 0; i < config->n_disks; i++) {
		const struct vm_disk *disk = &config->disks[i];
		add_file(needs, disk->path, disk->writable);
		/* What is written to an overlay goes to a file, too. */
		needs->writes |= disk->writable || disk->overlay;
	}
}

static void add_network(const struct vm_network *network, struct confine_needs *needs)
{
	vector_foreach (forward, &network->forwards)
		if (forward->host_port < FIRST_FREE_PORT)
			needs->capabilities |= CAPABILITY(CAP_NET_BIND_SERVICE);
}

static bool is_script(const char *path)
{
	char start[2];

	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd >= 0 && io_pread_full(fd, start, 2, 0) == 2 && start[0] == '#' &&
		start[1] == '!';
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
	struct confine *ret)
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
	add_file(&needs, config->qemu, false);
	add_file(&needs, config->kernel, false);
	add_file(&needs, config->initrd, false);
	add_file(&needs, config->root, false);
	if (profile->kvm)
		add_file(&needs, "/dev/kvm", true);
	add_disks(config, &needs);
	/* A snapshot's memory is a file, and so is what is written to a root that can only
	 * be attached as writable. A script may write wherever its author likes. */
	needs.writes |= config->record || profile->root_bus->takes_writable_only ||
		is_script(config->qemu);
	if (config->network)
		add_network(config->network, &needs);
	if (config->qemu_args)
		forget_needs(&needs);
	confine_init(ret, &needs);
}

void confinement_of_share(const struct vm_config *config, struct confine *ret)
{
	struct confine_needs needs = {
		.program = "hypermin-share",
		.variables = share_variables,
		/* Root's server opens what root may open, and what it makes gets the owner
		 * and the attributes that the guest wants. */
		.capabilities = CAPABILITY(CAP_CHOWN) | CAPABILITY(CAP_DAC_OVERRIDE) |
			CAPABILITY(CAP_DAC_READ_SEARCH) | CAPABILITY(CAP_FOWNER) |
			CAPABILITY(CAP_FSETID) | CAPABILITY(CAP_SETFCAP),
		.writes = true,
		.not_for_it = 1u << CONFINE_OWN_FILTER,
		.strict = config->strict,
	};

	confine_init(ret, &needs);
}

int confinement_examine(const char *qemu, bool sandbox, confine_report_fn *fn, void *data,
	struct error *err)
{
	const struct vm_config config = {.qemu = qemu, .sandbox = sandbox};
	const struct profile profile = {
		.machine = machine_type_at(0), .root_bus = root_bus_at(0)};
	CLEANUP_CONFINE struct confine confine = {0};

	confinement_of_qemu(&config, &profile, &confine);
	return confine_try(&confine, fn, data, err);
}
