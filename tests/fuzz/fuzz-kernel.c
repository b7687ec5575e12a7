/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a kernel image, its payload, an ELF file and a signed module. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kernel/decompress.h"
#include "kernel/image.h"
#include "kernel/kernel.h"
#include "kernel/module-parts.h"
#include "kernel/version-order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void unpack(const uint8_t *data, size_t len)
{
	CLEANUP_FREE uint8_t *plain = NULL;
	size_t plain_len;

	if (decompress_data(data, len, 1 << 20, &plain, &plain_len, NULL) == 0)
		kernel_image_has_pvh(plain, plain_len);
}

static void unpack_kernel(const uint8_t *data, size_t len)
{
	CLEANUP_FREE uint8_t *plain = NULL;
	struct error err;
	size_t plain_len;

	if (kernel_image_unpack(data, len, 1 << 20, &plain, &plain_len, &err) == 0 &&
		plain_len > 1 << 20)
		abort();
}

static void change(const uint8_t *data, size_t size)
{
	CLEANUP_FREE uint8_t *module = xmemdup(data, size);
	CLEANUP_FREE uint8_t *kernel = xmemdup(data, size);

	module_btf_hide(module, size);
	kernel_image_trim(kernel, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_FREE char *version = kernel_version_parse(data, size);
	size_t offset, len;
	const char *why;

	if (version &&
		(kernel_version_compare(version, version) != 0 ||
			kernel_version_prefer(version, version) != 0))
		abort();
	if (module_signature_cut(data, size) > size)
		abort();
	change(data, size);
	kernel_image_has_pvh(data, size);
	kernel_image_architecture(data, size);
	if (kernel_image_payload(data, size, &offset, &len, &why)) {
		if (offset > size || len > size - offset)
			abort();
		unpack(data + offset, len);
	}
	unpack(data, size);
	unpack_kernel(data, size);
	kernel_image_is_whole(data, size, size);
	return 0;
}
