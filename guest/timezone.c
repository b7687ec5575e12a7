/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file as tzfile(5) describes it, in which next to everything is the rule at its end:
 *
 *	header, one type      for readers of version 1, who get UTC
 *	header, one transition, one type
 *	"\n" rule "\n"        from the last transition on
 *
 * glibc uses the rule only behind a transition, so there is one in 1901.
 */
#include "guest/timezone.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "guest/log.h"

static uint8_t *put_header(uint8_t *p, uint8_t transitions)
{
	memset(p, 0, 44);
	memcpy(p, "TZif2", 5);
	p[35] = transitions;
	p[39] = 1; /* type */
	p[43] = 4; /* bytes of names */
	return p + 44;
}

/* No offset, no daylight saving time, and its name. */
static uint8_t *put_utc(uint8_t *p)
{
	memcpy(p, "\0\0\0\0\0\0UTC", 10);
	return p + 10;
}

size_t timezone_make_file(const char *rule, uint8_t ret[static TIMEZONE_FILE_SIZE])
{
	size_t len = strnlen(rule, TIMEZONE_SIZE);
	uint8_t *p = put_utc(put_header(ret, 0));

	p = put_header(p, 1);
	memcpy(p, "\xff\xff\xff\xff\x80\0\0\0\0", 9);
	p = put_utc(p + 9);
	*p++ = '\n';
	memcpy(p, rule, len);
	p += len;
	*p++ = '\n';
	return p - ret;
}

void timezone_set(const char *rule)
{
	uint8_t file[TIMEZONE_FILE_SIZE];
	size_t len = timezone_make_file(rule, file);

	if (!*rule)
		return;
	int fd = open("/etc/localtime", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if ((fd < 0 && errno != EEXIST) || (fd >= 0 && write(fd, file, len) < 0))
		klog_debug("write /etc/localtime: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}
