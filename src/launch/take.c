/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process for which nobody waits. It boots the appliance to its hold point, has qemu
 * write its state, publishes, and tries the snapshot before it leaves.
 */
#include "launch/take.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cache/collect.h"
#include "cache/lock.h"
#include "cache/snapshots.h"
#include "launch/plan.h"

#define TURN_NAME "launch"

static int save(struct plan *plan, struct vm *vm, const struct vm_snapshot *record,
	struct error *err)
{
	const struct snapshot_files files = {record->ram_fd, record->state_fd};
	CLEANUP_FREE char *identity = xstrdup(vm_identity(vm));
	const struct snapshot_about about = {
		.identity = identity,
		.root = plan->line.root,
		.memory_mib = plan->line.memory_mib,
		.cpus = plan->line.cpus,
	};
	int result = vm_save(vm, err);

	vm_free(vm);
	if (result == 0)
		result = snapshots_publish(&plan->cache, &about, &files, err);
	if (result == 0)
		result = plan_try(plan, err);
	if (result < 0) {
		snapshots_discard(&plan->cache, identity);
		snapshots_refuse(&plan->cache, &about, err->msg);
	}
	return result;
}

static int take_planned(struct plan *plan, struct error *err)
{
	CLEANUP_TURN struct turn turn = {0};
	CLEANUP_CLOSE int ram =
		file_in_memory("ram", (uint64_t)plan->line.memory_mib << 20, err);
	CLEANUP_CLOSE int state = file_in_memory("state", 0, err);
	const struct vm_snapshot record = {ram, state};
	struct vm_config config = plan_config(plan, PLAN_HELD);
	struct vm *vm;

	if (ram < 0 || state < 0)
		return -1;
	/* Another takes one: of the same kind, most likely. */
	if (turn_try(&plan->cache, TURN_NAME, &turn) == LOCK_BUSY)
		return 0;
	config.record = &record;
	if (vm_start(&config, &vm, err) != VM_STARTED)
		return -1;
	if (vm_is_resumed(vm) || !vm_identity(vm)) {
		vm_free(vm);
		return 0;
	}
	return save(plan, vm, &record, err);
}

int take(int argc, char **argv, struct error *err)
{
	struct plan plan;

	if (plan_make(argc, argv, &plan, err) < 0)
		return -1;
	int result = plan.cache.fd < 0 ? 0 : take_planned(&plan, err);
	/* Each kind of launch has a snapshot, and each appliance new ones. */
	if (plan.cache.fd >= 0)
		cache_collect_quietly(&plan.cache);
	plan_done(&plan);
	return result;
}
