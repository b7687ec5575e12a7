/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copying the contents of files into the image, in threads.
 *
 *	content_start ──► content_wait until it returns true ──► content_finish
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct content;
struct ext2_emit_stats;
struct ext2_plan;

/* The image must have its full length, and be zero where contents go. */
int content_start(const struct ext2_plan *p, int fd, unsigned workers,
	struct content **ret_content, struct error *err);
/* Bytes copied so far. */
uint64_t content_done(const struct content *c);
/* Wait up to this long; true: all workers have ended. */
bool content_wait(struct content *c, int timeout_ms);
/* Make the workers stop early. */
void content_cancel(struct content *c);
/* Wait for the workers, return their result and free c. */
int content_finish(
	struct content *c, struct ext2_emit_stats *ret_stats, struct error *err);
