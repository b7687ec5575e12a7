/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `hypermin mkfs --serve`: the image as a disk that NBD clients of this user read. */
#pragma once

#include "base/error.h"
#include "ext2/ext2.h"
#include "mkfs.h"
#include "tree/tree.h"

/*
 * Serve at a Unix socket, which appears now, until a signal ends that; then it is removed. The
 * process has one thread so far. Called when the image can be read, `ready` ends what this
 * process shows of its progress.
 */
int mkfs_serve(const struct mkfs_request *request, const struct tree *tree,
	const struct ext2_plan *plan, void (*ready)(void *data), void *data,
	struct error *err);
