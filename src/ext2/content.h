/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copying the contents of files into the image, in threads of its own.
 *
 *	content_start ──► content_wait until it says so ──► content_finish
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct content;
struct ext2_emit_stats;
struct ext2_plan;

/* The image is as long as it will be, and is zero where the contents go. */
int content_start(const struct ext2_plan *p, int fd, unsigned workers,
	struct content **ret_content, struct error *err);
/* Bytes copied so far. */
uint64_t content_done(const struct content *c);
/* Up to that long; true: all workers have come to their end. */
bool content_wait(struct content *c, int timeout_ms);
/* Stop early. */
void content_cancel(struct content *c);
/* Wait for the end, say how it went and free c. */
int content_finish(
	struct content *c, struct ext2_emit_stats *ret_stats, struct error *err);
