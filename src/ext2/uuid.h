/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The image's UUID, which is derived from its contents unless one is given. */
#pragma once

struct ext2_options;
struct ext2_plan;

/* Set p->uuid, and p->hash_seed which follows from it. */
void uuid_set(struct ext2_plan *p, const struct ext2_options *options);
