/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Directories of the host. All are below one FUSE file system, by their numbers, and each is
 * put in its place from there; one that is a disk is mounted by itself:
 *
 *	/run/hypermin/shares/0 ──bind──────► its place		ATTACH_MODE_READ_ONLY, ATTACH_MODE_WRITABLE
 *	                     1 ──┐
 *	memory/upper-1 ──────────┴─overlay─► its place		ATTACH_MODE_OVERLAY
 *	                                     SHARE_HOST_ROOT	ATTACH_MODE_HOST
 *
 *	/dev/vdb ──────────mount───────────► its place		ATTACH_MODE_SERVED
 *	/dev/vdc ─► /run/hypermin/disk ──┐
 *	memory/upper-3 ──────────────────┴─overlay─► its place	ATTACH_MODE_SERVED_OVERLAY
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
/* Whether any of them comes from the directory server. */
bool share_needs_server(const struct attach_request *r);
/* Whether all disks of those that are disks are there. */
bool share_disks_are_here(const struct attach_request *r);
/*
 * Before a snapshot: mount the server's file system where nobody sees it, with a relay that waits
 * for the server. So a guest that resumes has little left to do; under emulation all code is slow
 * that runs for the first time. -1: this kernel can't, and share_mount_all() does it all.
 */
int share_prepare(struct error *err);
int share_mount_all(const struct attach_request *r, struct error *err);
