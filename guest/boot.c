/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The boot, step by step. Each either succeeds or gives the sentence that the user will
 * read.
 */
#include "guest/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guest/file.h"
#include "guest/log.h"
#include "guest/timeline.h"
#include "guest/uevent.h"
#include "protocol/boot.h"

uint64_t boot_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

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

/* Without a console the kernel starts us with no descriptors at all, and the first files
 * we open would become some command's standard streams. */
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

static void set_attribute(const char *name, const char *attribute, const char *value)
{
	char path[120];
	int fd;

	snprintf(path, sizeof(path), "/sys/class/block/%s/%s", name, attribute);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		klog_debug("write %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/*
 * The host lets nobody write to the disk, but only some buses can say so, and on the
 * others the kernel would believe that it had written.
 */
static void protect_disk(const char *name)
{
	/* Persistent memory: of the region that the disk is in. */
	set_attribute(name, "device/../read_only", "1");
	/* What is never written is never to be flushed. */
	set_attribute(name, "queue/write_cache", "write through");
}

/*
 * No tool inside should come upon the appliance's own disk: it has no node to open, and
 * for those that go through /sys an empty directory lies over what it says of the disk.
 * (A bind mount of a directory of sysfs's own, so that no further file system appears;
 * before something is mounted there.)
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

/* A step has ended where the next one begins. */
static void note_step(const char *name, uint64_t *begin)
{
	timeline_note(BOOT_EVENT_STEP, name, *begin);
	*begin = boot_now_us();
}

int boot_prepare(struct boot *b, struct error *err)
{
	uint64_t begin = boot_now_us();

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
	/* Even with bad options: one of the modules drives the port over which to say
	 * so. */
	modules_load("/" INITRD_MODULES, b->options.dax);
	b->times.modules_loaded = boot_now_us();
	return options;
}

int boot_run(struct boot *b, struct error *err)
{
	if (boot_prepare(b, err) < 0 ||
		root_find(&b->options, b->uevents, b->disk, err) < 0)
		return -1;
	uint64_t begin = b->times.modules_loaded;
	note_step("wait for the root disk", &begin);
	b->times.root_found = begin;
	if (root_mount(b->disk, b->options.dax, &b->disk_dev, err) < 0)
		return -1;
	note_step("mount the root and its overlay", &begin);
	if (root_switch(err) < 0)
		return -1;
	protect_disk(b->disk);
	hide_disk(b->disk);
	note_step("switch to it", &begin);
	environment_setup();
	note_step("environment", &begin);
	b->times.root_mounted = begin;
	return 0;
}
