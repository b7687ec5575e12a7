/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A command that does not need one of these things should run without it, so failures are
 * only logged. */
#include "guest/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "guest/log.h"

#define HOST_NAME "hypermin"

static const struct {
	const char *type, *target;
	unsigned long flags;
	const char *options;
	mode_t mode; /* of the directory, where it is missing */
} mounts[] = {
	{"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666",
		0755},
	{"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777", 01777},
	{"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755", 0755},
	{"cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, 0755},
	/* Tools look for tracefs there (debug/tracing), which comes by itself. They do not
	 * mount it, as systemd has done so on other machines. */
	{"debugfs", "/sys/kernel/debug", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700",
		0755},
};

static const struct {
	const char *target, *link;
} links[] = {
	{"/proc/self/fd", "/dev/fd"},
	{"/proc/self/fd/0", "/dev/stdin"},
	{"/proc/self/fd/1", "/dev/stdout"},
	{"/proc/self/fd/2", "/dev/stderr"},
	{"../proc/self/mounts", "/etc/mtab"},
};

static void mount_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i].target, mounts[i].mode);
		if (mount(mounts[i].type, mounts[i].target, mounts[i].type,
			    mounts[i].flags, mounts[i].options) < 0)
			klog_debug("mount %s: %s", mounts[i].target, strerror(errno));
	}
}

static void make_links(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlink(links[i].target, links[i].link) < 0 && errno != EEXIST)
			klog_debug("link %s: %s", links[i].link, strerror(errno));
}

/* An image made from a list of files may have no /tmp, or one with a plain mode. */
static void make_tmp(void)
{
	struct stat st;

	mkdir("/tmp", 01777);
	if (stat("/tmp", &st) == 0 && (st.st_mode & 07777) != 01777 &&
		chmod("/tmp", 01777) < 0)
		klog_debug("chmod /tmp: %s", strerror(errno));
}

static void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
		request.ifr_flags |= IFF_UP;
		if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
			klog_debug("bring up lo: %s", strerror(errno));
	}
	if (fd >= 0)
		close(fd);
}

/* Only where the appliance brings none. */
static void make_hosts(void)
{
	static const char hosts[] = "127.0.0.1 localhost " HOST_NAME "\n::1 localhost\n";
	int fd;

	mkdir("/etc", 0755);
	fd = open("/etc/hosts", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	if (write(fd, hosts, sizeof(hosts) - 1) < 0)
		klog_debug("write /etc/hosts: %s", strerror(errno));
	close(fd);
}

void environment_setup(void)
{
	umask(0);
	mount_all();
	make_tmp();
	umask(022);
	make_hosts();
	make_links();
	loopback_up();
	if (sethostname(HOST_NAME, strlen(HOST_NAME)) < 0)
		klog_debug("set the host name: %s", strerror(errno));
}
