/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The three VMs that one command line can mean, and where their snapshots are. */
#include "launch/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cache/snapshots.h"

#define BOOT_TIMEOUT_MS	   (300 * 1000)
#define SILENCE_TIMEOUT_MS (60 * 1000)
/* Where the daemon says its first word. */
#define HOLD "org.libguestfs.channel.0"

char *plan_find_qemu(struct error *err)
{
	const struct architecture *architecture = architecture_of_host(err);

	return architecture ? vm_find_qemu(architecture, err) : NULL;
}

static bool find(const char *identity, bool best, struct vm_snapshot *ret, void *data)
{
	struct plan *plan = data;
	struct snapshot_files files;

	(void)best;
	switch (snapshots_find(&plan->cache, identity, &files)) {
	case SNAPSHOTS_FOUND:
		*ret = (struct vm_snapshot){files.ram_fd, files.state_fd};
		return true;
	case SNAPSHOTS_REFUSED:
		plan->refused = true;
		break;
	case SNAPSHOTS_NONE:
		break;
	}
	return false;
}

static void discard(const char *identity, void *data)
{
	struct plan *plan = data;
	snapshots_discard(&plan->cache, identity);
}

int plan_make(int argc, char **argv, struct plan *ret, struct error *err)
{
	struct plan plan = {.cache = {.fd = -1}};
	struct error cache_error;

	if (launch_line_parse(argc, argv, &plan.line, err) < 0)
		return -1;
	plan.qemu = plan_find_qemu(err);
	if (!plan.qemu) {
		plan_done(&plan);
		return -1;
	}
	/* Fast string instructions are byte loops in TCG. A word like +erms would come
	 * behind, and counts. */
	bool is_max = strncmp(plan.line.cpu, "max", 3) == 0;
	plan.cpu = xasprintf("%s%s", plan.line.cpu, is_max ? ",erms=off,fsrm=off" : "");
	const char *cold = getenv("HYPERMIN_COLD");
	if (cold && *cold && strcmp(cold, "0") != 0)
		plan.line.boots_because = "HYPERMIN_COLD is set";
	if (cache_open(NULL, &plan.cache, &cache_error) < 0)
		log_info("no snapshots: %-s", cache_error.msg);
	strvec_add(&plan.placeholder, "-drive");
	strvec_add(&plan.placeholder,
		"driver=null-co,size=1M,read-zeroes=on,if=none,id=hd0");
	strvec_add(&plan.placeholder, "-device");
	strvec_add(&plan.placeholder, "scsi-hd,drive=hd0");
	*ret = plan;
	return 0;
}

void plan_done(struct plan *plan)
{
	launch_line_done(&plan->line);
	free(plan->qemu);
	free(plan->cpu);
	strvec_done(&plan->placeholder);
	if (plan->cache.fd >= 0)
		cache_close(&plan->cache);
}

struct vm_config plan_config(struct plan *plan, enum plan_kind kind)
{
	const struct launch_line *line = &plan->line;
	bool held = kind != PLAN_BOOTED;
	struct vm_config config = {
		.qemu = plan->qemu,
		.kernel = line->kernel,
		.initrd = line->initrd,
		.root = line->root,
		.route = &plan->route,
		.launcher = &plan->launcher,
		.own_init = true,
		.hold = held ? HOLD : NULL,
		.accel = line->accel,
		.memory_mib = line->memory_mib,
		.cpus = line->cpus,
		.boot_timeout_ms = BOOT_TIMEOUT_MS,
		.silence_timeout_ms = SILENCE_TIMEOUT_MS,
		.snapshots = held && plan->cache.fd >= 0 ? &plan->snapshots : NULL,
		.cache_fd = plan->cache.fd,
		.control_fd = -1,
	};

	strcpy(config.root_uuid, line->root_uuid);
	plan->snapshots = (struct vm_snapshots){find, discard, plan};
	plan->route = (struct vm_route){
		.machine = "pc", .root_bus = held ? "memmap" : "virtio-scsi"};
	plan->launcher = (struct vm_launcher){
		.cpu = plan->cpu,
		.kernel_words = held ? line->held_words : line->words,
		.devices = held ? &line->held_devices : &line->devices,
		.disks = kind == PLAN_RESUMED ? &line->disks : &plan->placeholder,
		.verbose = line->verbose,
	};
	return config;
}

int plan_try(struct plan *plan, struct error *err)
{
	struct vm_config config = plan_config(plan, PLAN_HELD);
	struct vm *vm = NULL;
	bool resumed;

	if (vm_start(&config, &vm, err) != VM_STARTED)
		return -1;
	resumed = vm_is_resumed(vm);
	vm_free(vm);
	if (!resumed)
		return error_set(err, 0, "no VM could resume from it");
	return 0;
}
