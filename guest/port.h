/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtio-serial ports: opening one, and the frames on the agent's that come before the
 * agent serves it. These wait for the port. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The node of the virtio-serial port of this name, if it is there. */
bool port_find(const char *wanted, char *ret_path, size_t size);
/* Wait for the port of this name until deadline_ms, as uevent_wait() does. */
int port_open(int uevents, const char *name, int64_t deadline_ms, struct error *err);
int port_write(int port, const uint8_t *data, size_t len);
/* The first frame. */
int port_say_hello(int port);
/* `times` are READY_TIMES microseconds since the kernel started. */
int port_say_ready(int port, const uint64_t *times);
void port_say_fatal(int port, const char *message);
