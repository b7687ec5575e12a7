/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The vmlinux inside a bzImage. Booted by its PVH entry point it saves the guest from
 * unpacking itself, which under emulation is a third of the boot; done here once and
 * cached, it costs nothing after that.
 */
#include <fcntl.h>

#include "base/io.h"
#include "base/mem.h"
#include "kernel/decompress.h"
#include "kernel/image.h"
#include "kernel/kernel.h"

/* A kernel with all its drivers built in unpacks to some 100 MiB. */
#define IMAGE_MAX   ((size_t)512 * 1024 * 1024)
#define VMLINUX_MAX ((size_t)1024 * 1024 * 1024)

static int boot_as_it_is(char **ret_why, const char *why)
{
	if (ret_why)
		*ret_why = xstrdup(why);
	return 1;
}

int kernel_extract(const char *image, uint8_t **ret_data, size_t *ret_len, char **ret_why,
	struct error *err)
{
	CLEANUP_FREE char *file = NULL;
	CLEANUP_FREE uint8_t *vmlinux = NULL;
	size_t len, payload, payload_len, vmlinux_len;
	struct error unpack_err;
	const char *why;

	if (io_read_file(AT_FDCWD, image, IMAGE_MAX, &file, &len, err) < 0)
		return -1;
	const uint8_t *data = (const uint8_t *)file;
	if (kernel_image_is_elf(data, len)) {
		if (!kernel_image_has_pvh(data, len))
			return boot_as_it_is(
				ret_why, "an ELF file without a PVH entry point");
		*ret_data = (uint8_t *)TAKE_PTR(file);
		*ret_len = len;
		return 0;
	}
	if (!kernel_image_payload(data, len, &payload, &payload_len, &why))
		return boot_as_it_is(ret_why, why);
	if (decompress(data + payload, payload_len, VMLINUX_MAX, &vmlinux, &vmlinux_len,
		    &unpack_err) < 0)
		return boot_as_it_is(ret_why, unpack_err.msg);
	if (!kernel_image_has_pvh(vmlinux, vmlinux_len))
		return boot_as_it_is(ret_why, "built without CONFIG_PVH");
	kernel_image_trim(vmlinux, vmlinux_len);
	*ret_data = TAKE_PTR(vmlinux);
	*ret_len = vmlinux_len;
	return 0;
}
