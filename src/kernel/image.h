/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is inside a kernel file. Pure functions on its bytes, none of which is trusted.
 *
 *	bzImage (x86)      boot sector and header │ setup code │ … compressed vmlinux, size word …
 *	                   0x1f1 … 0x264          │            │   ▲ payload_offset, payload_length
 *	vmlinux            ELF, with the PVH entry point in a note
 *	Image (arm64)      header │ code; often as a whole inside gzip
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The header, the setup code and the version string in it end before this. */
#define KERNEL_IMAGE_HEAD_MAX ((size_t)(0x200 + 0xffff + 256))

bool kernel_image_is_bzimage(const uint8_t *data, size_t len);
bool kernel_image_is_elf(const uint8_t *data, size_t len);
bool kernel_image_is_arm64(const uint8_t *data, size_t len);

/*
 * Where a bzImage's compressed vmlinux is, without the size word behind it; `data` is the
 * whole file. False: not there, and *ret_why says how that is.
 */
bool kernel_image_payload(const uint8_t *data, size_t len, size_t *ret_offset,
	size_t *ret_len, const char **ret_why);

/*
 * Zeros at a segment's end need not come from the file: whoever loads it fills up with
 * them. There are some 10 MiB, for the kernel's own linker does not leave out its .bss and
 * what it works in before it has memory; qemu would keep them mapped. An ELF file's length
 * stays.
 */
void kernel_image_trim(uint8_t *data, size_t len);

/* Has this ELF file the note that names a PVH entry point? */
bool kernel_image_has_pvh(const uint8_t *data, size_t len);
