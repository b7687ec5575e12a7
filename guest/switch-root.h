/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the initrd to the appliance's root. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* Mount the disk read-only with memory above it, at /newroot. *ret_dev is the disk's
 * number. */
int switch_root_mount(const char *name, bool dax, dev_t *ret_dev, struct error *err);
/* Move /dev, /proc and /sys below /newroot. */
int switch_root_move_mounts(struct error *err);
/* Free the initrd's files and make /newroot the root. */
int switch_root(struct error *err);
