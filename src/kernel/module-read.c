/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A module's file. What may lie around the ELF object:
 *
 *	[.gz .xz .zst of] ELF object │ signature │ struct module_signature │ marker
 *
 * The structure has 12 bytes: … signer_len at 3, key_id_len at 4, sig_len at 8,
 * big-endian. The marker is "~Module signature appended~\n".
 */
#include <elf.h>
#include <endian.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "kernel/decompress.h"
#include "kernel/kernel.h"
#include "kernel/module-signature.h"

#define MODULE_MAX ((size_t)256 * 1024 * 1024)

size_t module_signature_cut(const uint8_t *data, size_t len)
{
	static const char marker[] = "~Module signature appended~\n";
	const size_t marker_len = sizeof(marker) - 1;
	const size_t info_len = 12;
	uint32_t sig_len;

	if (len < marker_len + info_len ||
		memcmp(data + len - marker_len, marker, marker_len) != 0)
		return len;
	size_t left = len - marker_len - info_len;
	const uint8_t *info = data + left;
	memcpy(&sig_len, info + 8, sizeof(sig_len));
	uint64_t signature = (uint64_t)be32toh(sig_len) + info[3] + info[4];
	/* Nonsense: leave it to the kernel, which knows better what it is. */
	return signature > left ? len : left - signature;
}

int kernel_module_read(const char *path, bool keep_signature, uint8_t **ret_data,
	size_t *ret_len, struct error *err)
{
	CLEANUP_FREE char *file = NULL;
	CLEANUP_FREE uint8_t *data = NULL;
	size_t len;

	if (io_read_file(AT_FDCWD, path, MODULE_MAX, &file, &len, err) < 0)
		return -1;
	data = (uint8_t *)TAKE_PTR(file);
	if (decompress_format(data, len)) {
		CLEANUP_FREE uint8_t *packed = TAKE_PTR(data);
		if (decompress(packed, len, MODULE_MAX, &data, &len, err) < 0)
			return error_prefix(err, "module '%s'", path);
	}
	if (len < SELFMAG || memcmp(data, ELFMAG, SELFMAG) != 0)
		return error_set(err, 0, "module '%s' is not an ELF object", path);
	*ret_len = keep_signature ? len : module_signature_cut(data, len);
	*ret_data = TAKE_PTR(data);
	return 0;
}
