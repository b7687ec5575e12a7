/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/attach.h"

#include <unistd.h>

#include "guest/bus-scan.h"
#include "guest/clock.h"
#include "guest/disk-links.h"
#include "guest/disk-slots.h"
#include "guest/network.h"
#include "guest/share.h"
#include "guest/uevent.h"

#define DEVICES_TIMEOUT_MS 10000

static bool is_all_here(const struct attach_request *r)
{
	char name[16];

	return (!r->has_network || network_find(name)) && share_disks_are_here(r);
}

/* Mostly all are there when the scan returns. */
static int wait_for_devices(const struct attach_request *r, struct error *err)
{
	int64_t deadline = clock_now_ms() + DEVICES_TIMEOUT_MS;
	enum uevent_result result = UEVENT_DEVICE;
	struct uevent event;
	int uevents = uevent_open(err);

	if (uevents < 0)
		return -1;
	while (!is_all_here(r) && result != UEVENT_TIMEOUT)
		result = uevent_wait(uevents, deadline, &event);
	close(uevents);
	return is_all_here(r) ? 0
			      : error_set(err, 0,
					"the network interface, or a disk for one of the "
					"host's directories did not appear: perhaps the "
					"kernel has no driver virtio_net");
}

static int find_devices(const struct attach_request *r, struct error *err)
{
	if (is_all_here(r))
		return 0;
	if (bus_scan(err) < 0)
		return -1;
	return is_all_here(r) ? 0 : wait_for_devices(r, err);
}

int attach(const struct attach_request *r, struct error *err)
{
	char interface[16] = "";

	if (r->disks > 0) {
		if (disk_slots_scan(r->disks, err) < 0)
			return -1;
		disk_links_renew();
	}
	if (!r->has_network && !r->n_shares)
		return 0;
	int result = find_devices(r, err);
	if (result == 0 && r->has_network) {
		network_find(interface);
		result = network_configure(interface, r, err);
	}
	if (result == 0 && r->n_shares > 0)
		result = share_mount_all(r, err);
	if (result == 0 && r->has_network)
		result = network_write_names(
			share_has_host(r) ? SHARE_HOST_ROOT : "", r, err);
	return result;
}
