/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The agent's port. A port's name comes by a message from the host after its device, and
 * is announced as a change of it; a node alone does not say whose port it is.
 */
#include "guest/boot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "guest/file.h"
#include "guest/uevent.h"
#include "protocol/boot.h"

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

int port_open(int uevents, int64_t deadline_ms, struct error *err)
{
	char path[300];
	struct uevent event;
	int fd;

	while (!port_find(AGENT_PORT_NAME, path, sizeof(path)))
		if (uevent_wait(uevents, deadline_ms, &event) == UEVENT_TIMEOUT &&
			!port_find(AGENT_PORT_NAME, path, sizeof(path)))
			return error_set(err, 0,
				"the virtio-serial port '" AGENT_PORT_NAME
				"' did not appear");
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "open '%s'", path);
	return fd;
}
