/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's announcements of devices. To wait for a device, open the socket, look at
 * the devices that are there already, then wait. So none is missed, and nothing polls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct uevent {
	char subsystem[32];
	char devname[64]; /* below /dev; "" where the device has no node */
	bool gone;	  /* the device was removed */
};

/* Pure: one datagram. -1 if it is not an announcement of a device. */
int uevent_parse(const char *data, size_t len, struct uevent *ret);

int uevent_open(struct error *err);

enum uevent_result {
	UEVENT_TIMEOUT,
	UEVENT_DEVICE,
	/* Announcements were lost: look at everything again. */
	UEVENT_RESCAN,
};

/* deadline_ms is a time of clock_now_ms(). */
enum uevent_result uevent_wait(int fd, int64_t deadline_ms, struct uevent *ret);
