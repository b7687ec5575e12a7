/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* C libraries name these calls differently or not at all, and their headers exclude those of the
 * kernel. The numbers are the same on all architectures. */
#include "guest/hidden-mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_move_mount
#define SYS_move_mount 429
#define SYS_fsopen     430
#define SYS_fsconfig   431
#define SYS_fsmount    432
#endif

static int set_all(int fs, const char *source, const struct hidden_mount_option *options)
{
	if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return -1;
	for (; options->name; options++) {
		unsigned command =
			options->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

		if (syscall(SYS_fsconfig, fs, command, options->name, options->value, 0) <
			0)
			return -1;
	}
	return syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

int hidden_mount(const char *type, const char *source,
	const struct hidden_mount_option *options, struct error *err)
{
	int fs = syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), fd = -1;

	if (fs >= 0 && set_all(fs, source, options) == 0)
		fd = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
	if (fd < 0)
		error_set(err, errno, "mount a file system '%s'", type);
	if (fs >= 0)
		close(fs);
	return fd;
}

int hidden_mount_minor(int fd, unsigned *ret, struct error *err)
{
	struct statx st;

	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st) < 0)
		return error_set(err, errno, "look at a file system");
	*ret = st.stx_dev_minor;
	return 0;
}

int hidden_mount_show(int fd, const char *place, struct error *err)
{
	if (syscall(SYS_move_mount, fd, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_set(err, errno, "mount at '%s'", place);
	return 0;
}
