/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the kernel's first process to the appliance's own /init. That gets no /dev, /proc
 * and /sys: some mount them themselves, and would fail if that were done already.
 */
#include "guest/own-init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/boot.h"
#include "guest/companion.h"
#include "guest/log.h"
#include "guest/root.h"
#include "guest/switch-root.h"
#include "protocol/boot.h"

/* An emulated machine with hundreds of disks takes minutes to find the last one. */
#define ROOT_TIMEOUT_S 600

bool own_init_wanted(void)
{
	return access("/" INITRD_OWN_INIT, F_OK) == 0;
}

/* As it is: what the launcher does with what is written to it is its own matter. */
static int mount_root(const char *name, struct error *err)
{
	static const char *const drivers[] = {"ext4", "ext2"};
	char device[80];

	snprintf(device, sizeof(device), "/dev/%s", name);
	mkdir("/newroot", 0755);
	for (int i = 0; i < 2; i++)
		if (mount(device, "/newroot", drivers[i], MS_NOATIME, NULL) == 0)
			return 0;
	return error_set(err, errno, "mount the appliance's disk %s", device);
}

/*
 * Many machines run from the disk at once, so it is not written: that goes to memory.
 * Programs in the appliance should not find the disk: its node is removed, and udev makes
 * no link.
 */
static int mount_shared_root(struct boot *b, struct error *err)
{
	static const char directory[] = "/newroot/etc/udev/rules.d";
	static const char file[] = "/newroot/etc/udev/rules.d/00-hypermin.rules";
	char node[80];

	if (switch_root_mount(b->disk, b->options.dax, &b->disk_dev, err) < 0)
		return -1;
	snprintf(node, sizeof(node), "/dev/%s", b->disk);
	unlink(node);
	/* Without any disk udev does not make it, and libguestfs' daemon exits. */
	mkdir("/dev/disk", 0755);
	mkdir("/dev/disk/by-path", 0755);
	/* There is no udev. */
	if (mkdir(directory, 0755) < 0 && errno == ENOENT)
		return 0;
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 ||
		dprintf(fd,
			"KERNEL==\"%s\", ENV{UDEV_DISABLE_PERSISTENT_STORAGE_RULES_FLAG}"
			"=\"1\"\n",
			b->disk) < 0)
		klog_error("hide the appliance's disk from udev: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return 0;
}

/* What is held is for many machines. A serial number says that hypermin runs it, not a
 * launcher that may want what is written. */
static bool shares_root(const struct boot_options *o)
{
	return *o->hold || *o->serial;
}

/* A shell that /init starts needs a controlling terminal. */
static void take_terminal(void)
{
	setsid();
	ioctl(STDIN_FILENO, TIOCSCTTY, 1);
}

static int execute(struct error *err)
{
	char *const argv[] = {"init", NULL};

	execve("/init", argv, environ);
	return error_set(err, errno, "execute the appliance's /init");
}

int own_init_boot(struct error *err)
{
	struct boot b = {.talkative = true, .uevents = -1};

	if (boot_prepare(&b, err) < 0)
		return -1;
	if (!b.options.timeout_said)
		b.options.timeout_s = ROOT_TIMEOUT_S;
	klog_debug("modules loaded; looking for the root disk");
	/* For buses that launchers seldom use, and for what is attached to an appliance that is
	 * held: they take a while to load. */
	if (*b.options.hold || !root_is_here(&b.options, b.uevents)) {
		klog_debug("loading the drivers of other buses");
		modules_load("/" INITRD_LATER_MODULES, false, b.module_failure);
		klog_debug("they are loaded");
	}
	if (root_find(&b.options, b.uevents, b.module_failure, b.disk, err) < 0 ||
		(shares_root(&b.options) ? mount_shared_root(&b, err)
					 : mount_root(b.disk, err)) < 0)
		return -1;
	klog_debug("executing /init on %s", b.disk);
	close(b.uevents);
	umount2("/dev", MNT_DETACH);
	umount2("/sys", MNT_DETACH);
	umount2("/proc", MNT_DETACH);
	if (switch_root(err) < 0)
		return -1;
	if (*b.options.hold && companion_start(b.options.hold, err) < 0)
		return -1;
	take_terminal();
	return execute(err);
}
