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
/* One of qemu's formats by the name that vm_disk_init() takes. */
bool vm_disk_is_format(const char *word);
void vm_disk_done(struct vm_disk *disk);
