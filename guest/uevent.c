/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NETLINK_KOBJECT_UEVENT: a datagram is "ACTION@DEVPATH", then KEY=VALUE strings, each
 * with a NUL behind it (lib/kobject_uevent.c).
 */
#include "guest/uevent.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/clock.h"

/* UEVENT_BUFFER_SIZE in the kernel is 2048; the header comes on top. */
#define DATAGRAM_MAX 4096
#define KERNEL_GROUP 1

static void copy_value(char *ret, size_t size, const char *value, size_t len)
{
	if (len >= size)
		len = 0; /* nothing we wait for has such a name */
	memcpy(ret, value, len);
	ret[len] = '\0';
}

int uevent_parse(const char *data, size_t len, struct uevent *ret)
{
	struct uevent e = {0};
	const char *end = data + len;
	bool has_action = false;

	while (data < end) {
		const char *nul = memchr(data, '\0', end - data);
		size_t n = (nul ? nul : end) - data;

		if (n >= 7 && memcmp(data, "ACTION=", 7) == 0) {
			has_action = true;
			e.gone = n == 13 && memcmp(data + 7, "remove", 6) == 0;
		} else if (n >= 10 && memcmp(data, "SUBSYSTEM=", 10) == 0) {
			copy_value(e.subsystem, sizeof(e.subsystem), data + 10, n - 10);
		} else if (n >= 8 && memcmp(data, "DEVNAME=", 8) == 0) {
			copy_value(e.devname, sizeof(e.devname), data + 8, n - 8);
		}
		data += nul ? n + 1 : n;
	}
	if (!has_action || !e.subsystem[0])
		return -1;
	*ret = e;
	return 0;
}

int uevent_open(struct error *err)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		NETLINK_KOBJECT_UEVENT);

	if (fd < 0)
		return error_set(err, errno, "open a socket for device events");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		error_set(err, errno, "listen to device events");
		close(fd);
		return -1;
	}
	return fd;
}

static ssize_t receive_from_kernel(int fd, char *data, size_t size)
{
	struct sockaddr_nl from;
	socklen_t from_len = sizeof(from);
	ssize_t len = recvfrom(fd, data, size, 0, (struct sockaddr *)&from, &from_len);

	/* Processes can send to this group too; only the kernel has port 0. */
	return len > 0 && from.nl_pid != 0 ? 0 : len;
}

enum uevent_result uevent_wait(int fd, int64_t deadline_ms, struct uevent *ret)
{
	for (;;) {
		char data[DATAGRAM_MAX];
		ssize_t len = receive_from_kernel(fd, data, sizeof(data));

		if (len >= 0) {
			if (uevent_parse(data, len, ret) == 0)
				return UEVENT_DEVICE;
			continue;
		}
		if (errno == ENOBUFS)
			return UEVENT_RESCAN;

		int64_t left = deadline_ms - clock_now_ms();
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (left <= 0)
			return UEVENT_TIMEOUT;
		poll(&p, 1, left);
	}
}
