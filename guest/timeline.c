/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's messages have times of a clock that starts earlier than any that a program
 * can read. So we write a message that has our time in it, read it back with the kernel's,
 * and add the difference to our own times.
 */
#include "guest/timeline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/clock.h"
#include "guest/port.h"

#define NOTES_MAX   96
#define RECORD_MAX  8192 /* CONSOLE_EXT_LOG_MAX in the kernel */
#define KERNEL_LOG  "/dev/kmsg"
#define CLOCK_LABEL "hypermin: clock "

struct note {
	enum boot_event_kind kind;
	char name[48];
	uint64_t begin, end;
};

static struct note notes[NOTES_MAX];
static unsigned n_notes;

void timeline_note(enum boot_event_kind kind, const char *name, uint64_t begin_us)
{
	struct note *note = &notes[n_notes];

	if (n_notes == NOTES_MAX)
		return;
	note->kind = kind;
	snprintf(note->name, sizeof(note->name), "%s", name);
	note->begin = begin_us;
	note->end = clock_now_us();
	n_notes++;
}

int timeline_parse_record(
	const char *record, uint64_t *ret_us, char *ret_text, size_t size)
{
	unsigned long long us;
	const char *text = strchr(record, ';');
	int end = 0;

	if (!text || sscanf(record, "%*u,%*u,%llu%n", &us, &end) != 1 || !end ||
		record + end > text)
		return -1;
	snprintf(ret_text, size, "%.*s", (int)strcspn(text + 1, "\n"), text + 1);
	*ret_us = us;
	return 0;
}

static void tell(int port, enum boot_event_kind kind, const char *name, uint64_t begin,
	uint64_t end)
{
	uint8_t frame[FRAME_HEADER_SIZE + BOOT_EVENT_FIXED + BOOT_EVENT_NAME_MAX];
	uint8_t *payload = frame + FRAME_HEADER_SIZE;
	size_t len = strnlen(name, BOOT_EVENT_NAME_MAX);

	if (!len)
		return;
	frame_put_header(frame, FRAME_BOOT_EVENT, BOOT_EVENT_FIXED + len);
	wire_put_u64(payload, begin);
	wire_put_u64(payload + 8, end);
	wire_put_u32(payload + 16, kind);
	memcpy(payload + BOOT_EVENT_FIXED, name, len);
	port_write(port, frame, FRAME_HEADER_SIZE + BOOT_EVENT_FIXED + len);
}

static void take_record(int port, const char *record, unsigned *left, uint64_t *ret_ahead)
{
	char text[BOOT_EVENT_NAME_MAX + 1];
	uint64_t at;

	if (timeline_parse_record(record, &at, text, sizeof(text)) < 0)
		return;
	if (strncmp(text, CLOCK_LABEL, strlen(CLOCK_LABEL)) == 0) {
		uint64_t ours = strtoull(text + strlen(CLOCK_LABEL), NULL, 10);
		*ret_ahead = at > ours ? at - ours : 0;
	} else if (*left > 0) {
		tell(port, BOOT_EVENT_KERNEL, text, at, at);
		(*left)--;
	}
}

/* Each read() is one record; EPIPE says that some were overwritten before. */
static void tell_kernel_log(int port, int log, uint64_t *ret_ahead)
{
	static char record[RECORD_MAX];
	unsigned left = BOOT_EVENTS_MAX - NOTES_MAX;
	ssize_t n;

	while ((n = read(log, record, sizeof(record) - 1)) > 0 ||
		(n < 0 && (errno == EPIPE || errno == EINTR)))
		if (n > 0) {
			record[n] = '\0';
			take_record(port, record, &left, ret_ahead);
		}
}

void timeline_tell(int port)
{
	int log = open(KERNEL_LOG, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	/* How much later the kernel's clock is. */
	uint64_t ahead = 0;

	if (log >= 0) {
		/* Level 7: nothing that a console shows. */
		dprintf(log, "<7>" CLOCK_LABEL "%llu\n",
			(unsigned long long)clock_now_us());
		tell_kernel_log(port, log, &ahead);
		close(log);
	}
	for (unsigned i = 0; i < n_notes; i++)
		tell(port, notes[i].kind, notes[i].name, notes[i].begin + ahead,
			notes[i].end + ahead);
}
