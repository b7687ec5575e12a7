/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names for disks that do not depend on their order: /dev/disk/by-id/virtio-SERIAL. */
#pragma once

/* Make the links for all virtio disks that are there, and remove those for others. */
void disk_links_renew(void);
