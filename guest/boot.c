/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The boot, step by step. The error of a step that fails is what the user reads. */
#include "guest/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/clock.h"
#include "guest/disk-links.h"
#include "guest/environment.h"
#include "guest/file.h"
#include "guest/log.h"
#include "guest/root.h"
#include "guest/switch-root.h"
#include "guest/timeline.h"
#include "guest/timezone.h"
#include "guest/uevent.h"
#include "protocol/boot.h"

static int mount_kernel_file_systems(struct error *err)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	/* EBUSY: a kernel with CONFIG_DEVTMPFS_MOUNT. */
	if (mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755") < 0 &&
		errno != EBUSY)
		return error_set(err, errno, "mount /dev");
	if (mount("proc", "/proc", "proc", flags, NULL) < 0)
		return error_set(err, errno, "mount /proc");
	if (mount("sysfs", "/sys", "sysfs", flags, NULL) < 0)
		return error_set(err, errno, "mount /sys");
	return 0;
}

/* Without a console the kernel starts us without descriptors, and the first files that we
 * open would become a command's standard streams. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static int read_options(struct boot_options *ret, struct error *err)
{
	char cmdline[4096]; /* COMMAND_LINE_SIZE is at most this */

	if (file_read(AT_FDCWD, "/proc/cmdline", cmdline, sizeof(cmdline)) < 0)
		return error_set(err, errno, "read /proc/cmdline");
	return boot_options_parse(cmdline, ret, err);
}

static void set_attribute(const char *disk, const char *attribute, const char *value)
{
	char path[120];

	snprintf(path, sizeof(path), "/sys/class/block/%s/%s", disk, attribute);
	if (file_write(AT_FDCWD, path, value) < 0)
		klog_debug("write %s: %s", path, strerror(errno));
}

/*
 * The host has opened the disk read-only, but not every bus tells the guest so. On such a
 * bus the kernel would accept writes that get lost.
 */
static void protect_disk(const char *name)
{
	/* For persistent memory: a property of the region around the disk. */
	set_attribute(name, "device/../read_only", "1");
	/* A disk that is never written need not be flushed. */
	set_attribute(name, "queue/write_cache", "write through");
}

/*
 * Tools in the guest should not find the appliance's own disk. So its node is removed, and
 * an empty directory covers its directory in /sys. That is a bind mount of a directory of
 * sysfs itself, so that no further file system appears; nothing is mounted on that
 * directory yet.
 */
static void hide_disk(const char *name)
{
	char node[80], link[100];

	snprintf(node, sizeof(node), "/dev/%s", name);
	unlink(node);
	snprintf(link, sizeof(link), "/sys/class/block/%s", name);
	if (mount("/sys/fs/cgroup", link, NULL, MS_BIND, NULL) < 0)
		klog_debug("cover %s: %s", link, strerror(errno));
}

/* A step ends where the next one begins. */
static void note_step(const char *name, uint64_t *begin)
{
	timeline_note(BOOT_EVENT_STEP, name, *begin);
	*begin = clock_now_us();
}

int boot_prepare(struct boot *b, struct error *err)
{
	uint64_t begin = clock_now_us();

	b->times.init_started = begin;
	if (mount_kernel_file_systems(err) < 0)
		return -1;
	note_step("mount /dev, /proc, /sys", &begin);
	fill_standard_descriptors();
	int options = read_options(&b->options, err);
	klog_open(options == 0 &&
		(b->options.debug || (b->talkative && !b->options.quiet)));
	b->uevents = uevent_open(err);
	if (b->uevents < 0)
		return -1;
	note_step("options", &begin);
	/* Even with bad options: one of the modules drives the port, over which the error
	 * goes to the host. */
	modules_load("/" INITRD_MODULES, b->options.dax, b->module_failure);
	/* If one of these fails, what it drives will be missed. */
	if (options == 0 && b->options.attach)
		modules_load(
			"/" INITRD_LATER_MODULES, false, (char[MODULE_FAILURE_SIZE]){""});
	b->times.modules_loaded = clock_now_us();
	return options;
}

int boot_run(struct boot *b, struct error *err)
{
	if (boot_prepare(b, err) < 0 ||
		root_find(&b->options, b->uevents, b->module_failure, b->disk, err) < 0)
		return -1;
	uint64_t begin = b->times.modules_loaded;
	note_step("wait for the root disk", &begin);
	b->times.root_found = begin;
	if (switch_root_mount(b->disk, b->options.dax, &b->disk_dev, err) < 0)
		return -1;
	note_step("mount the root and its overlay", &begin);
	if (switch_root_move_mounts(err) < 0 || switch_root(err) < 0)
		return -1;
	protect_disk(b->disk);
	hide_disk(b->disk);
	note_step("switch to it", &begin);
	environment_setup();
	disk_links_renew();
	timezone_set(b->options.timezone);
	note_step("environment", &begin);
	b->times.root_mounted = begin;
	return 0;
}
