/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/bus-scan.h"

#include <errno.h>
#include <fcntl.h>

#include "guest/file.h"
#include "guest/interrupts.h"

int bus_scan(struct error *err)
{
	interrupts_assign();
	if (file_write(AT_FDCWD, "/sys/bus/pci/rescan", "1") < 0)
		return error_set(err, errno, "look for new devices");
	return 0;
}
