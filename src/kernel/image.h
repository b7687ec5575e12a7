/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is inside a kernel file. Pure functions on its bytes, none of which is trusted.
 *
 *	bzImage (x86)      boot sector and header │ setup code │ … compressed vmlinux, size word …
 *	                   0x1f1 … 0x264          │            │   ▲ payload_offset, payload_length
 *	vmlinux            ELF, with the PVH entry point in a note
 *	Image (arm64)      header │ code; often as a whole inside gzip
 *	zboot (EFI)        "MZ", "zimg", offset, length, 0, 0, "gzip" … │ … compressed Image …
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/architecture.h"
#include "base/error.h"

/* The header, the setup code and the version string in it end before this. */
#define KERNEL_IMAGE_HEAD_MAX ((size_t)(0x200 + 0xffff + 256))

bool kernel_image_is_bzimage(const uint8_t *data, size_t len);
bool kernel_image_is_elf(const uint8_t *data, size_t len);
bool kernel_image_is_arm64(const uint8_t *data, size_t len);
bool kernel_image_is_zboot(const uint8_t *data, size_t len);

/*
 * Is the file, of which `data` is the beginning, as long as its header says? A kernel that
 * is cut off starts, and fails in the VM. True for formats that do not say.
 */
bool kernel_image_is_whole(const uint8_t *data, size_t len, uint64_t file_size);

/* What it runs on. NULL: a processor that is not known, or the kernel has to be unpacked to
 * tell. */
const struct architecture *kernel_image_architecture(const uint8_t *data, size_t len);

/*
 * Find the compressed kernel in a bzImage, without the size word behind it, or in a zboot
 * image; `data` is the whole file. False: there is none, and *ret_why says why.
 */
bool kernel_image_payload(const uint8_t *data, size_t len, size_t *ret_offset,
	size_t *ret_len, const char **ret_why);

/*
 * Unpack a bzImage, a zboot image, or a file that is compressed as a whole, to at most `max`
 * bytes. The caller frees *ret_data.
 */
int kernel_image_unpack(const uint8_t *data, size_t len, size_t max, uint8_t **ret_data,
	size_t *ret_len, struct error *err);

/*
 * Shorten the segments of an ELF file by the zeros at their ends, which need not come from
 * the file: the loader fills up with zeros. There are some 10 MiB of them, because the
 * kernel's linker script does not leave out .bss and the early page tables, and qemu would
 * keep them mapped. The file's length stays.
 */
void kernel_image_trim(uint8_t *data, size_t len);

/* Does this ELF file have the note that names a PVH entry point? */
bool kernel_image_has_pvh(const uint8_t *data, size_t len);
