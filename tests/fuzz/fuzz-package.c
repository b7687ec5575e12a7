/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a package that was downloaded, and base.tar.gz made of what is in it. */
#include <stdint.h>
#include <sys/mman.h>

#include "base/io.h"
#include "prepare/config-files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const wanted[] = {"/etc/a.conf", "/etc/b.conf", "/etc/link"};
	CLEANUP_CLOSE int fd = memfd_create("package", MFD_CLOEXEC);
	CLEANUP_CLOSE int output = memfd_create("base", MFD_CLOEXEC);
	struct config_files c;
	struct error err;

	if (fd < 0 || output < 0 || io_pwrite_full(fd, data, size, 0) < 0)
		return 0;
	config_files_init(&c, wanted, ARRAY_SIZE(wanted));
	config_files_read_package(&c, fd, "fuzz", &err);
	config_files_write(&c, output, 0, &err);
	config_files_done(&c);
	return 0;
}
