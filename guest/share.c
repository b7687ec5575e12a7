/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/share.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/mem.h"
#include "guest/clock.h"
#include "guest/devices.h"
#include "guest/hidden-mount.h"
#include "guest/port.h"
#include "guest/relay.h"
#include "guest/uevent.h"

#define OWN    "/run/hypermin"
#define SHARES OWN "/shares"
#define MEMORY OWN "/memory"
#define DISK   OWN "/disk"

#define PORT_TIMEOUT_MS 10000

#define PLACE_SIZE (4096 + sizeof(SHARE_HOST_ROOT))

bool share_has_host(const struct attach_request *r)
{
	return r->n_shares > 0 && strcmp(r->shares, ATTACH_MODE_HOST) == 0;
}

/* The share behind this one; `s` is its mode. */
static const char *next_share(const char *s)
{
	const char *place = s + strlen(s) + 1;

	return place + strlen(place) + 1;
}

bool share_needs_server(const struct attach_request *r)
{
	const char *s = r->shares;

	for (unsigned i = 0; i < r->n_shares; i++, s = next_share(s))
		if (!attach_mode_is_served(s))
			return true;
	return false;
}

/* ---- Disks ---- */

/* The disk of the share with this number. */
static bool find_disk(unsigned number, char ret[static DEVICE_NAME_SIZE])
{
	char wanted[32], serial[DEVICE_SERIAL_SIZE];
	bool found = false;
	struct dirent *entry;
	DIR *dir = opendir(BLOCK_CLASS);

	snprintf(wanted, sizeof(wanted), ATTACH_DISK_SERIAL "%u", number);
	while (dir && !found && (entry = readdir(dir))) {
		const char *name = entry->d_name;
		if (name[0] == '.' || strlen(name) >= DEVICE_NAME_SIZE ||
			!device_serial(AT_FDCWD, BLOCK_CLASS, name, serial))
			continue;
		found = strcmp(serial, wanted) == 0;
		if (found)
			strcpy(ret, name);
	}
	if (dir)
		closedir(dir);
	return found;
}

bool share_disks_are_here(const struct attach_request *r)
{
	char name[DEVICE_NAME_SIZE];
	const char *s = r->shares;

	for (unsigned i = 0; i < r->n_shares; i++, s = next_share(s))
		if (attach_mode_is_served(s) && !find_disk(i, name))
			return false;
	return true;
}

static int mount_disk(unsigned number, const char *place, struct error *err)
{
	/* ext4's driver mounts ext2 too, and is the one that kernels have. */
	static const char *const drivers[] = {"ext4", "ext2"};
	char name[DEVICE_NAME_SIZE], device[DEVICE_NAME_SIZE + 8];

	if (!find_disk(number, name))
		return error_set(err, ENODEV, "find the disk for '%s'", place);
	snprintf(device, sizeof(device), "/dev/%s", name);
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (mount(device, place, drivers[i], MS_RDONLY | MS_NODEV | MS_NOSUID,
			    NULL) == 0)
			return 0;
	return error_set(err, errno, "mount the disk %s at '%s'", device, place);
}

/* ---- Directories ---- */

/* What there is on the way to it, symlinks too, stays as it is. */
static int make_directories(char *path, struct error *err)
{
	for (char *slash = path + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		mkdir(path, 0755);
	}
	struct stat st;
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return error_set(err, errno, "create the directory '%s'", path);
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return error_set(
			err, ENOTDIR, "mount a directory of the host at '%s'", path);
	return 0;
}

/* ---- The server's file system ---- */

/* It is mounted, and no path leads to it yet; -1: it is not. */
static int prepared = -1;

static int open_port(struct error *err)
{
	int uevents = uevent_open(err);

	if (uevents < 0)
		return -1;
	int port = port_open(
		uevents, SHARE_PORT_NAME, clock_now_ms() + PORT_TIMEOUT_MS, err);
	close(uevents);
	return port;
}

/* By writing to this descriptor the file system is given up. */
static int open_abort(unsigned device, struct error *err)
{
	char path[sizeof(MEMORY) + 32];

	if (mount("fusectl", MEMORY, "fusectl", 0, NULL) < 0)
		return error_set(err, errno, "mount the control files of FUSE");
	snprintf(path, sizeof(path), MEMORY "/%u/abort", device);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		error_set(err, errno, "open '%s'", path);
	umount2(MEMORY, MNT_DETACH);
	return fd;
}

static int mount_hidden(int fuse, struct error *err)
{
	char fd[16], max_read[16];
	const struct hidden_mount_option options[] = {{"fd", fd}, {"rootmode", "40000"},
		{"user_id", "0"}, {"group_id", "0"}, {"default_permissions", NULL},
		{"allow_other", NULL}, {"max_read", max_read}, {NULL, NULL}};

	snprintf(fd, sizeof(fd), "%d", fuse);
	snprintf(max_read, sizeof(max_read), "%u", ATTACH_DATA_MAX);
	return hidden_mount("fuse", "hypermin", options, err);
}

/* For kernels that can't hide it. */
static int mount_shown(int fuse, struct error *err)
{
	char options[120];

	snprintf(options, sizeof(options),
		"fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other,"
		"max_read=%u",
		fuse, ATTACH_DATA_MAX);
	return mount("hypermin", SHARES, "fuse", MS_NODEV, options) < 0
		? error_set(err, errno, "mount the host's directories")
		: 0;
}

static int find_device(int mounted, unsigned *ret, struct error *err)
{
	struct stat st;

	if (mounted >= 0)
		return hidden_mount_minor(mounted, ret, err);
	/* This waits for the server's answer. */
	if (stat(SHARES, &st) < 0)
		return error_set(err, errno, "look at the host's directories");
	*ret = minor(st.st_dev);
	return 0;
}

/* Mount it, hidden if the kernel can do that: then it is `prepared`. */
static int mount_server(bool has_to_hide, struct error *err)
{
	unsigned device;

	mkdir(OWN, 0755);
	mkdir(SHARES, 0700);
	mkdir(MEMORY, 0700);
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fuse < 0)
		return error_set(err, errno,
			"share directories: the kernel has no FUSE: open '/dev/fuse'");
	int mounted = mount_hidden(fuse, err);
	if (mounted < 0 && (has_to_hide || mount_shown(fuse, err) < 0)) {
		close(fuse);
		return -1;
	}
	int port = open_port(err);
	/* The first look at the file system waits for an answer already. */
	if (port < 0 || relay_start(fuse, port, err) < 0 ||
		find_device(mounted, &device, err) < 0)
		return -1;
	int abort_fd = open_abort(device, err);
	if (abort_fd < 0)
		return -1;
	relay_set_abort(abort_fd);
	prepared = mounted;
	return 0;
}

int share_prepare(struct error *err)
{
	return prepared >= 0 ? 0 : mount_server(true, err);
}

static int show_server(struct error *err)
{
	if (prepared < 0 && mount_server(false, err) < 0)
		return -1;
	if (prepared < 0)
		return 0;
	int result = hidden_mount_show(prepared, SHARES, err);
	close(prepared);
	prepared = -1;
	return result;
}

/* ---- Places ---- */

static int bind(const char *from, const char *place, bool writable, struct error *err)
{
	unsigned long flags =
		MS_BIND | MS_REMOUNT | MS_NODEV | MS_NOSUID | (writable ? 0 : MS_RDONLY);

	if (mount(from, place, NULL, MS_BIND, NULL) < 0 ||
		mount(NULL, place, NULL, flags, NULL) < 0)
		return error_set(
			err, errno, "mount a directory of the host at '%s'", place);
	return 0;
}

/* Without redirect_dir, renaming a directory of the lower layer fails with EXDEV. */
static int overlay(unsigned i, const char *from, const char *place, struct error *err)
{
	char upper[40], work[40], options[200];
	struct stat st;

	snprintf(upper, sizeof(upper), MEMORY "/upper-%u", i);
	snprintf(work, sizeof(work), MEMORY "/work-%u", i);
	/* The overlay's root shows the upper directory's owner and mode. */
	if (stat(from, &st) < 0)
		return error_set(
			err, errno, "look at the host's directory for '%s'", place);
	if (mkdir(upper, 0755) < 0 || mkdir(work, 0755) < 0 ||
		chown(upper, st.st_uid, st.st_gid) < 0 ||
		chmod(upper, st.st_mode & 07777) < 0)
		return error_set(err, errno, "prepare an overlay for '%s'", place);
	snprintf(options, sizeof(options),
		"lowerdir=%s,upperdir=%s,workdir=%s,redirect_dir=on", from, upper, work);
	if (mount("overlay", place, "overlay", MS_NODEV, options) < 0)
		return error_set(err, errno, "mount an overlay at '%s'", place);
	return 0;
}

/* The disk lives on in its place. */
static int overlay_disk(unsigned i, const char *place, struct error *err)
{
	mkdir(DISK, 0700);
	if (mount_disk(i, DISK, err) < 0)
		return -1;
	int result = overlay(i, DISK, place, err);
	umount2(DISK, MNT_DETACH);
	return result;
}

/* What a system has beyond its files is the guest's. */
static int fill_host_tree(struct error *err)
{
	static const struct {
		const char *from, *to;
		unsigned long flags;
	} mounts[] = {
		{"/proc", SHARE_HOST_ROOT "/proc", MS_REC},
		{"/sys", SHARE_HOST_ROOT "/sys", MS_REC},
		{"/dev", SHARE_HOST_ROOT "/dev", MS_REC},
		{"/tmp", SHARE_HOST_ROOT "/tmp", 0},
		{"/run", SHARE_HOST_ROOT "/run", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i].to, 0755);
		if (mount(mounts[i].from, mounts[i].to, NULL, MS_BIND | mounts[i].flags,
			    NULL) < 0)
			return error_set(err, errno, "mount %s in the host's tree",
				mounts[i].from);
	}
	return 0;
}

static int mount_one(
	unsigned i, const char *mode, const char *path, bool in_host, struct error *err)
{
	char from[sizeof(SHARES) + 16], place[PLACE_SIZE];
	bool is_host = strcmp(mode, ATTACH_MODE_HOST) == 0;

	snprintf(from, sizeof(from), SHARES "/%u", i);
	if (is_host)
		strcpy(place, SHARE_HOST_ROOT);
	else if ((size_t)snprintf(place, sizeof(place), "%s%s",
			 in_host ? SHARE_HOST_ROOT : "", path) >= sizeof(place))
		return error_set(err, ENAMETOOLONG, "mount at '%.60s…'", path);
	if (make_directories(place, err) < 0)
		return -1;
	if (strcmp(mode, ATTACH_MODE_SERVED) == 0)
		return mount_disk(i, place, err);
	if (strcmp(mode, ATTACH_MODE_SERVED_OVERLAY) == 0)
		return overlay_disk(i, place, err);
	if (strcmp(mode, ATTACH_MODE_READ_ONLY) == 0 ||
		strcmp(mode, ATTACH_MODE_WRITABLE) == 0)
		return bind(from, place, strcmp(mode, ATTACH_MODE_WRITABLE) == 0, err);
	if (overlay(i, from, place, err) < 0)
		return -1;
	return is_host ? fill_host_tree(err) : 0;
}

int share_mount_all(const struct attach_request *r, struct error *err)
{
	bool in_host = share_has_host(r), has_server = share_needs_server(r);
	const char *s = r->shares;

	mkdir(OWN, 0755);
	mkdir(SHARES, 0700);
	mkdir(MEMORY, 0700);
	if (has_server && show_server(err) < 0)
		return -1;
	if (mount("tmpfs", MEMORY, "tmpfs", 0, "mode=700") < 0)
		return error_set(err, errno, "mount a tmpfs for what is written");
	for (unsigned i = 0; i < r->n_shares; i++, s = next_share(s))
		if (mount_one(i, s, s + strlen(s) + 1, in_host, err) < 0)
			return -1;
	/* They live on in their places. */
	umount2(MEMORY, MNT_DETACH);
	if (has_server)
		umount2(SHARES, MNT_DETACH);
	return 0;
}
