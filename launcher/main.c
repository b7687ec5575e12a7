/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program that a launcher starts in place of qemu (LIBGUESTFS_HV). What it decides
 * goes to the file that HYPERMIN_LOG names; without it, nowhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "launch/launch.h"

static void write_line(enum log_level level, const char *line, void *data)
{
	int fd = open(data, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);

	(void)level;
	if (fd < 0)
		return;
	dprintf(fd, "libguestfs-qemu[%d]: %s\n", (int)getpid(), line);
	close(fd);
}

int main(int argc, char **argv)
{
	char *path = secure_getenv("HYPERMIN_LOG");
	struct error err;

	if (path && *path)
		log_set_handler(write_line, path, LOG_LEVEL_INFO);
	if (launch(argc, argv, &err) == 0)
		return 0;
	log_warning("%-s", err.msg);
	fprintf(stderr, "libguestfs-qemu: %s\n", err.msg);
	return 1;
}
