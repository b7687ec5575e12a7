/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel, unpacked from its file, in the form that starts at once: an x86 vmlinux with
 * a PVH entry point, or an arm64 Image. Otherwise the guest, or qemu, unpacks it in every
 * boot; under emulation that is a third of an x86 guest's boot. Here it is done once, and
 * the cache keeps the result.
 */
#include <fcntl.h>

#include "base/io.h"
#include "base/mem.h"
#include "kernel/image.h"
#include "kernel/kernel.h"

/* A kernel with all its drivers built in unpacks to some 100 MiB. */
#define IMAGE_MAX  ((size_t)512 * 1024 * 1024)
#define KERNEL_MAX ((size_t)1024 * 1024 * 1024)

static int boot_as_it_is(char **ret_why, const char *why)
{
	if (ret_why)
		*ret_why = xstrdup(why);
	return 1;
}

static bool starts_at_once(const uint8_t *data, size_t len)
{
	return kernel_image_is_arm64(data, len) || kernel_image_has_pvh(data, len);
}

int kernel_extract(const char *image, uint8_t **ret_data, size_t *ret_len, char **ret_why,
	struct error *err)
{
	CLEANUP_FREE char *file = NULL;
	CLEANUP_FREE uint8_t *plain = NULL;
	size_t len, plain_len;
	struct error unpack_err;

	if (io_read_file(AT_FDCWD, image, IMAGE_MAX, &file, &len, err) < 0)
		return -1;
	const uint8_t *data = (const uint8_t *)file;
	if (starts_at_once(data, len)) {
		*ret_data = (uint8_t *)TAKE_PTR(file);
		*ret_len = len;
		return 0;
	}
	if (kernel_image_is_elf(data, len))
		return boot_as_it_is(ret_why, "an ELF file without a PVH entry point");
	if (kernel_image_unpack(data, len, KERNEL_MAX, &plain, &plain_len, &unpack_err) <
		0)
		return boot_as_it_is(ret_why, unpack_err.msg);
	if (!starts_at_once(plain, plain_len))
		return boot_as_it_is(ret_why,
			kernel_image_is_elf(plain, plain_len)
				? "built without CONFIG_PVH"
				: "what is packed in it is no known kind of kernel");
	kernel_image_trim(plain, plain_len);
	*ret_data = TAKE_PTR(plain);
	*ret_len = plain_len;
	return 0;
}
