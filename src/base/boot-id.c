/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel makes one up when it starts. */
#include "base/boot-id.h"

#include <fcntl.h>

#include "base/io.h"
#include "base/mem.h"

char *boot_id_read(void)
{
	char *id;
	size_t len;

	if (io_read_file(
		    AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &id, &len, NULL) < 0)
		return xstrdup("");
	return id;
}
