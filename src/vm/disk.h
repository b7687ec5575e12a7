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
/* The disk that a share is, whose number is that among the shares. */
void vm_disk_init_share(
	struct vm_disk *disk, const struct vm_share *share, size_t number);
/* One of qemu's formats by the name that vm_disk_init() takes. */
bool vm_disk_is_format(const char *word);
/* 512, as a file's are by default, 1024, 2048 or 4096. A device's are its own by
 * default. */
int vm_disk_set_sector(struct vm_disk *disk, unsigned bytes, struct error *err);
int vm_disk_set_serial(struct vm_disk *disk, const char *serial, struct error *err);
/* Of a writable raw image that has no whole number of sectors: qemu adds zeros to the last
 * one, and lets the guest write there. */
void vm_disk_warn_of_growth(const struct vm_disk *disk);
/* Does the image itself name another, which qemu opens? Then nobody knows which. Formats
 * of which qemu does not support that are left out. */
bool vm_disk_names_others(const struct vm_disk *disk);
void vm_disk_warn_of_others(const struct vm_disk *disk);
void vm_disk_done(struct vm_disk *disk);
