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
#include <unistd.h>

#include "appliance/appliance.h"
#include "base/io.h"
#include "base/log.h"
#include "cache/request.h"

/* Of ext2. */
enum {
	SUPERBLOCK = 1024,
	MAGIC_AT = 56,
	UUID_AT = 104,
	SUPERBLOCK_READ = UUID_AT + 16,
};

/* The directory may be a stranger's, and a link in it may lead to any file of this user's. */
static int open_parts(struct appliance *a, struct error *err)
{
	const char *const paths[ENTRY_PARTS] = {a->kernel, a->initrd, a->root};

	a->part_fds = xcalloc(ENTRY_PARTS, sizeof(*a->part_fds));
	memset(a->part_fds, -1, ENTRY_PARTS * sizeof(*a->part_fds));
	for (int i = 0; i < ENTRY_PARTS; i++) {
		a->part_fds[i] = io_open_file(AT_FDCWD, paths[i], O_NOFOLLOW, err);
		if (a->part_fds[i] < 0 && i == ENTRY_KERNEL && err->num == ELOOP)
			return error_set(err, 0,
				"'%s' is a link; build the appliance with --copy-kernel",
				paths[i]);
		if (a->part_fds[i] < 0)
			return -1;
	}
	return 0;
}

static int read_uuid(struct appliance *a, struct error *err)
{
	uint8_t super[SUPERBLOCK_READ];
	char *p = a->root_uuid;

	if (io_pread_full(a->part_fds[ENTRY_ROOT], super, sizeof(super), SUPERBLOCK) !=
			sizeof(super) ||
		super[MAGIC_AT] != 0x53 || super[MAGIC_AT + 1] != 0xef)
		return error_set(err, 0, "'%s' holds no file system of ext2", a->root);
	for (int i = 0; i < 16; i++)
		p += sprintf(p, "%s%02x",
			i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			super[UUID_AT + i]);
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
	if (open_parts(&a, err) < 0 || read_uuid(&a, err) < 0)
		return error_prefix(err, "use the appliance '%s'", where);
	log_info("appliance: %s, with an /init of its own", a.root);
	*ret = a;
	a = (struct appliance){.lock_fd = -1};
	return 0;
}
