/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The builder reads what others made: archives, images, databases of packages, kernels. So
 * each of its tasks first gives up all that it does not need, in this process itself: what it
 * may open is known only when its options have been read.
 */
#pragma once

#include "appliance/assembly.h"
#include "appliance/builder.h"
#include "confine/confine.h"
#include "mkfs.h"
#include "prepare/prepare.h"

/* -1: a layer is missing, and the task is strict. `cache_fd`: the cache that the task writes to,
 * or -1. Each layer is reported to `fn`, which may be NULL. */
int confinement_of_task(const struct builder_task *task, int cache_fd,
	confine_report_fn *fn, void *data, struct error *err);
int confinement_of_assembly(const struct assembly *a, struct error *err);
/* `directory` is where the image is made. */
int confinement_of_mkfs(
	const struct mkfs_request *request, const char *directory, struct error *err);
int confinement_of_prepare(const struct prepare_options *options, struct error *err);
