/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting a VM: the appliance for the best route, and another if that can't be taken. */
#include <errno.h>
#include <string.h>

#include "api/handle.h"

/* Along the route that the appliance was made for. */
static int start(struct hypermin *h, const char *qemu, const struct vm_snapshot *record,
	bool *ret_no_way)
{
	const struct vm_snapshots snapshots = handle_snapshots(h);
	struct vm_config config = {
		.qemu = qemu,
		.kernel = h->appliance.kernel,
		.initrd = h->appliance.initrd,
		.root = h->appliance.root,
		.kernel_version = h->appliance.kernel_version,
		.route = handle_route(h),
		.plain = h->plain,
		.accel = h->accel,
		.memory_mib = h->memory_mib,
		.cpus = h->cpus,
		.boot_timeout_ms = h->boot_timeout_ms,
		.silence_timeout_ms = h->silence_timeout_ms,
		.disks = h->disks.items,
		.n_disks = h->disks.len,
		.reserved_slots = h->reserved_slots,
		/* An appliance of somebody's own is no part of the cache, and a timeline
		 * is of a boot. */
		.snapshots = h->cold || h->fixed || h->timeline || h->private_cache.path
			? NULL
			: &snapshots,
		.record = record,
		.timeline = h->timeline,
		.cache_fd = h->cache.fd,
		.control_fd = h->control[0],
	};

	*ret_no_way = false;
	if (!config.route)
		return error_set(
			&h->error, 0, "the appliance is for no route that is known");
	strcpy(config.root_uuid, h->appliance.root_uuid);
	h->wants_snapshot = false;
	int result = vm_start(&config, &h->vm, ret_no_way, &h->error);
	if (result < 0 || !(vm_is_resumed(h->vm) || vm_identity(h->vm)))
		h->wants_snapshot = false;
	return result;
}

int handle_start(struct hypermin *h, const struct vm_snapshot *record)
{
	CLEANUP_FREE char *qemu = NULL;
	bool no_way;

	if (h->vm)
		return error_set(&h->error, EBUSY, "start the VM: it was started before");
	/* Not to build what can't be run. A fixed appliance says what it is for. */
	if ((h->fixed ? hypermin_prepare(h) : handle_find_architecture(h)) < 0)
		return -1;
	qemu = vm_find_qemu(h->architecture, &h->error);
	if (!qemu)
		return -1;
	for (;;) {
		if (hypermin_prepare(h) < 0)
			return -1;
		if (start(h, qemu, record, &no_way) == 0)
			return 0;
		/* What can't be booted is no appliance; there may be another. */
		if (!no_way || !handle_close_route(h))
			return -1;
	}
}
