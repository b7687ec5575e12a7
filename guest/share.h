/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Directories of the host. All are below one FUSE file system, by their numbers, and each is
 * put in its place from there:
 *
 *	/run/hypermin/shares/0 ──bind──────► its place		ATTACH_MODE_READ_ONLY, ATTACH_MODE_WRITABLE
 *	                     1 ──┐
 *	memory/upper-1 ──────────┴─overlay─► its place		ATTACH_MODE_OVERLAY
 *	                                     SHARE_HOST_ROOT	ATTACH_MODE_HOST
 *
 * If the host's whole tree is one of them, it is the first, and the others have their places
 * in it.
 */
#pragma once

#include "base/error.h"
#include "protocol/protocol.h"

/* Where the host's tree is. */
#define SHARE_HOST_ROOT "/run/hypermin/host"

/* Whether the first of them is the host's tree. */
bool share_has_host(const struct attach_request *r);
/* `port` leads to their server; it does not block. It is taken. */
int share_mount_all(const struct attach_request *r, int port, struct error *err);
