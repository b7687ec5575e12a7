/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An appliance that was made from inputs: a directory with kernel, initrd and root, as
 * launchers take it. It has no manifest, so what a manifest says comes from the root's
 * superblock, and from this host.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/appliance.h"
#include "base/io.h"
#include "base/log.h"

/* Of ext2. */
enum {
	SUPERBLOCK = 1024,
	MAGIC_AT = 56,
	UUID_AT = 104,
	SUPERBLOCK_READ = UUID_AT + 16,
};

static int read_uuid(const char *root, char ret[static 37], struct error *err)
{
	uint8_t super[SUPERBLOCK_READ];
	char *p = ret;

	CLEANUP_CLOSE int fd = io_open_file(AT_FDCWD, root, O_NOFOLLOW, err);
	if (fd < 0)
		return -1;
	if (io_pread_full(fd, super, sizeof(super), SUPERBLOCK) != sizeof(super) ||
		super[MAGIC_AT] != 0x53 || super[MAGIC_AT + 1] != 0xef)
		return error_set(err, 0, "'%s' holds no file system of ext2", root);
	for (int i = 0; i < 16; i++)
		p += sprintf(p, "%s%02x",
			i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			super[UUID_AT + i]);
	return 0;
}

/* A link may lead anywhere, and would be followed on a stranger's behalf. It also leads to a
 * kernel that has to unpack itself. */
static int check_kernel(const char *kernel, struct error *err)
{
	struct stat st;

	if (lstat(kernel, &st) < 0)
		return error_set(err, errno, "look at '%s'", kernel);
	if (!S_ISREG(st.st_mode))
		return error_set(err, 0,
			"'%s' is no file; build the appliance with --copy-kernel",
			kernel);
	return 0;
}

int appliance_open_own_init(const char *where, struct appliance *ret, struct error *err)
{
	CLEANUP(appliance_done)
	struct appliance a = {
		.directory = xstrdup(where),
		.kernel = xasprintf("%s/kernel", where),
		.initrd = xasprintf("%s/initrd", where),
		.root = xasprintf("%s/root", where),
		.kernel_version = xstrdup("unknown"),
		.architecture = architecture_of_host(err),
		.own_init = true,
		.lock_fd = -1,
	};

	if (!a.architecture)
		return -1;
	/* The one root bus with which any machine resumes; where there is none, any. */
	bool is_x86 = strcmp(a.architecture->name, "x86_64") == 0;
	a.route = xstrdup(is_x86 ? "pc/memmap" : "virt/virtio-blk");
	if (check_kernel(a.kernel, err) < 0 || read_uuid(a.root, a.root_uuid, err) < 0)
		return error_prefix(err, "use the appliance '%s'", where);
	log_info("appliance: %s, with an /init of its own", a.root);
	*ret = a;
	a = (struct appliance){.lock_fd = -1};
	return 0;
}
