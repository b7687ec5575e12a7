/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's own file systems: kernel-fs.h. */
#include "base/kernel-fs.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/macros.h"

/* <linux/magic.h>, and the kernel's sources where that has no name. */
static const uint32_t magics[] = {
	0x00009fa0, /* proc */
	0x62656572, /* sysfs */
	0x0027e0eb, /* cgroup */
	0x63677270, /* cgroup2 */
	0x00001cd1, /* devpts */
	0x64626720, /* debugfs */
	0x74726163, /* tracefs */
	0x73636673, /* securityfs */
	0x62656570, /* configfs */
	0xcafe4a11, /* bpf */
	0x6165676c, /* pstore */
	0xde5e81e4, /* efivarfs */
	0x19800202, /* mqueue */
	0x00000187, /* autofs */
	0x42494e4d, /* binfmt_misc */
	0x6e736673, /* nsfs */
	0xf97cff8c, /* selinuxfs */
	0x43415d53, /* smackfs */
	0x65735543, /* fusectl */
	0x67596969, /* rpc_pipefs */
	0x6e667364, /* nfsd */
	0x07655821, /* resctrl */
	0x09041934, /* anonymous inodes */
	0x50494446, /* pidfs */
};

bool kernel_fs_is(int fd)
{
	struct statfs fs;

	/* What it is can't be found out: better an empty directory. */
	if (fstatfs(fd, &fs))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if ((uint32_t)fs.f_type == magics[i])
			return true;
	return false;
}

dev_t kernel_fs_devtmpfs(const char *mountinfo)
{
	/* 25 30 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw,size=… */
	for (const char *line = mountinfo; line && *line;) {
		const char *end = strchrnul(line, '\n');
		const char *type = memmem(line, end - line, " - ", 3);
		unsigned major, minor;

		if (type && strncmp(type + 3, "devtmpfs ", 9) == 0 &&
			sscanf(line, "%*u %*u %u:%u ", &major, &minor) == 2)
			return makedev(major, minor);
		line = *end ? end + 1 : end;
	}
	return 0;
}
