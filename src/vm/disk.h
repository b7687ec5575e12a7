/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A user's disk image, checked before qemu sees it. */
#pragma once

#include "vm/vm.h"

/*
 * format NULL: raw, and an error if the file looks like another format. Copies the
 * strings; the path is made absolute.
 */
int vm_disk_init(struct vm_disk *disk, const char *path, const char *format,
	bool writable, struct error *err);
void vm_disk_done(struct vm_disk *disk);
