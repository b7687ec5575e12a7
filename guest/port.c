/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A port's node does not tell whose port it is. Its name comes later, in a message from
 * the host, and the kernel announces that as a change of the device.
 */
#include "guest/port.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/file.h"
#include "guest/uevent.h"
#include "protocol/boot.h"
#include "protocol/protocol.h"

#define PORT_CLASS "/sys/class/virtio-ports"

bool port_find(const char *wanted, char *ret_path, size_t size)
{
	DIR *dir = opendir(PORT_CLASS);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		char attribute[300], name[64];

		snprintf(attribute, sizeof(attribute), "%s/name", entry->d_name);
		if (file_read_line(dirfd(dir), attribute, name, sizeof(name)) < 0)
			continue;
		found = strcmp(name, wanted) == 0;
		snprintf(ret_path, size, "/dev/%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

int port_open(int uevents, const char *name, int64_t deadline_ms, struct error *err)
{
	char path[300];
	struct uevent event;
	int fd;

	while (!port_find(name, path, sizeof(path)))
		if (uevent_wait(uevents, deadline_ms, &event) == UEVENT_TIMEOUT &&
			!port_find(name, path, sizeof(path)))
			return error_set(err, 0,
				"the virtio-serial port '%s' did not appear", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "open '%s'", path);
	return fd;
}

int port_write(int port, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(port, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		data += n;
		len -= n;
	}
	return 0;
}

int port_say_hello(int port)
{
	uint8_t frame[FRAME_HEADER_SIZE + 8];

	frame_put_header(frame, FRAME_HELLO, 8);
	wire_put_u32(frame + FRAME_HEADER_SIZE, PROTOCOL_MAGIC);
	wire_put_u32(frame + FRAME_HEADER_SIZE + 4, PROTOCOL_VERSION);
	return port_write(port, frame, sizeof(frame));
}

int port_say_ready(int port, const uint64_t *times)
{
	uint8_t frame[FRAME_HEADER_SIZE + READY_TIMES * 8];

	frame_put_header(frame, FRAME_READY, READY_TIMES * 8);
	for (int i = 0; i < READY_TIMES; i++)
		wire_put_u64(frame + FRAME_HEADER_SIZE + i * 8, times[i]);
	return port_write(port, frame, sizeof(frame));
}

void port_say_fatal(int port, const char *message)
{
	uint8_t frame[FRAME_HEADER_SIZE + MESSAGE_MAX];
	size_t len = strnlen(message, MESSAGE_MAX);

	frame_put_header(frame, FRAME_FATAL, len);
	memcpy(frame + FRAME_HEADER_SIZE, message, len);
	port_write(port, frame, FRAME_HEADER_SIZE + len);
}
