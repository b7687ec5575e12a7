/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Many VMs may share the disk that the root is on, so it is mounted read-only, and an
 * overlay keeps in memory what is written.
 *
 *	/lower  the disk, read-only ─┐
 *	/upper  tmpfs ───────────────┴─► /newroot  overlay ─► moved to /
 *
 * The overlay keeps its own private mounts of both, so /lower and /upper are unmounted
 * before the switch: nothing below / shows or leads to them.
 */
#include "guest/switch-root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "protocol/boot.h"

static int mount_disk(const char *name, bool dax, struct error *err)
{
	/* ext4's driver mounts ext2 too, and is the one that kernels have. */
	const struct {
		const char *driver, *options;
	} ways[] = {{"ext4", dax ? "dax" : NULL}, {"ext4", NULL}, {"ext2", NULL}};
	char device[80];

	snprintf(device, sizeof(device), "/dev/%s", name);
	mkdir("/lower", 0700);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (mount(device, "/lower", ways[i].driver, MS_RDONLY | MS_NOATIME,
			    ways[i].options) == 0)
			return 0;
	return error_set(err, errno, "mount the appliance's disk %s", device);
}

static int mount_memory(struct error *err)
{
	mkdir("/upper", 0700);
	if (mount("tmpfs", "/upper", "tmpfs", 0, "mode=755") < 0)
		return error_set(err, errno, "mount a tmpfs for what is written");
	mkdir("/upper/upper", 0755);
	mkdir("/upper/work", 0755);
	return 0;
}

/* Without redirect_dir, renaming a directory that is on the disk fails with EXDEV. */
static int mount_overlay(struct error *err)
{
	static const char layers[] =
		"lowerdir=/lower,upperdir=/upper/upper,workdir=/upper/work";
	char options[sizeof(layers) + 32];

	mkdir("/newroot", 0755);
	snprintf(options, sizeof(options), "%s,redirect_dir=on", layers);
	if (mount("overlay", "/newroot", "overlay", 0, options) == 0)
		return 0;
	if (mount("overlay", "/newroot", "overlay", 0, layers) == 0)
		return 0;
	return error_set(err, errno, "mount an overlay over the appliance's disk");
}

int switch_root_mount(const char *name, bool dax, dev_t *ret_dev, struct error *err)
{
	struct stat lower;

	if (mount_disk(name, dax, err) < 0 || mount_memory(err) < 0)
		return -1;
	if (stat("/lower", &lower) < 0)
		return error_set(err, errno, "look at the appliance's disk");
	/* The overlay's root shows the upper directory's owner and mode. */
	if (chown("/upper/upper", lower.st_uid, lower.st_gid) < 0 ||
		chmod("/upper/upper", lower.st_mode & 07777) < 0)
		return error_set(err, errno, "prepare the upper layer");
	if (mount_overlay(err) < 0)
		return -1;
	if (umount2("/lower", 0) < 0 || umount2("/upper", 0) < 0)
		return error_set(err, errno, "unmount the overlay's layers");
	*ret_dev = lower.st_dev;
	return 0;
}

static int move_mount_below(const char *name, struct error *err)
{
	char from[16], to[32];

	snprintf(from, sizeof(from), "/%s", name);
	snprintf(to, sizeof(to), "/newroot/%s", name);
	mkdir(to, 0755);
	if (mount(from, to, NULL, MS_MOVE, NULL) < 0)
		return error_set(err, errno, "move %s into the appliance's root", from);
	return 0;
}

/* The initrd's files take memory. Other file systems are not touched: nothing is mounted
 * on these directories. */
static void free_initrd(void)
{
	static const char *const dirs[] = {
		"/" INITRD_MODULES, "/" INITRD_LATER_MODULES, "/"};

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		DIR *dir = opendir(dirs[i]);
		struct dirent *entry;

		while (dir && (entry = readdir(dir)))
			if (entry->d_type == DT_REG)
				unlinkat(dirfd(dir), entry->d_name, 0);
		if (dir)
			closedir(dir);
	}
}

int switch_root_move_mounts(struct error *err)
{
	return move_mount_below("dev", err) < 0 || move_mount_below("proc", err) < 0 ||
			move_mount_below("sys", err) < 0
		? -1
		: 0;
}

int switch_root(struct error *err)
{
	free_initrd();
	if (chdir("/newroot") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 ||
		chroot(".") < 0 || chdir("/") < 0)
		return error_set(err, errno, "switch to the appliance's root");
	return 0;
}
