/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel counts the kills in /proc/vmstat, and says names in its log:
 *
 *	oom_kill 1
 *	Out of memory: Killed process 85 (tail) total-vm:2048kB, anon-rss:…
 */
#include "guest/oom.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "guest/file.h"
#include "guest/timeline.h"

unsigned long long oom_parse_count(const char *vmstat)
{
	static const char label[] = "\noom_kill ";
	const char *line = strstr(vmstat, label);

	return line ? strtoull(line + strlen(label), NULL, 10) : 0;
}

bool oom_parse_message(const char *text, char ret_name[static PROCESS_NAME_MAX + 1])
{
	static const char label[] = ": Killed process ";
	const char *killed = strstr(text, label);
	const char *name = killed ? strchr(killed, '(') : NULL;
	/* The name itself may have a parenthesis. */
	const char *end = name ? strstr(name, ") total-vm") : NULL;

	if (!end)
		return false;
	name++;
	snprintf(ret_name, PROCESS_NAME_MAX + 1, "%.*s",
		(int)MIN(end - name, PROCESS_NAME_MAX), name);
	return true;
}

bool oom_check(struct oom *oom, char ret_name[static PROCESS_NAME_MAX + 1])
{
	static char text[32 * 1024];
	char message[256];
	uint64_t at;
	ssize_t n;

	if (file_read(AT_FDCWD, "/proc/vmstat", text, sizeof(text)) < 0 ||
		oom_parse_count(text) == oom->kills)
		return false;
	oom->kills = oom_parse_count(text);
	strcpy(ret_name, "a process");
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	while (log >= 0 && (n = read(log, text, sizeof(text) - 1)) > 0) {
		text[n] = '\0';
		if (timeline_parse_record(text, &at, message, sizeof(message)) == 0)
			oom_parse_message(message, ret_name);
	}
	if (log >= 0)
		close(log);
	return true;
}
