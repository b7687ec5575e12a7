/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A user's disk must be consistent when the machine is gone. So processes that could still
 * write end first. Then the file systems are unmounted, innermost first. One that is busy
 * (with a swap file, or under a device that is open) is frozen.
 *
 * When the first process has no children, there are no processes left, since it inherits
 * every orphan. kill(-1) can't tell: it finds the kernel's threads too.
 */
#include "guest/shutdown.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "guest/clock.h"
#include "guest/file.h"
#include "guest/log.h"

enum {
	GRACE_MS = 2000,
	/* After SIGKILL only a process that hangs in the kernel is left. */
	KILL_WAIT_MS = 1000,
};

/* The kernel writes blanks, newlines and backslashes as octal escapes such as "\040". */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' &&
			s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*to++ = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

char *mountinfo_next(char *text, int *ret_id, char **ret_target)
{
	char *end = strchr(text, '\n');
	char *field = text;

	if (!end)
		return NULL;
	*end = '\0';
	*ret_id = atoi(text);
	/* id, parent, major:minor, root, mount point */
	for (int i = 0; i < 4 && field; i++) {
		field = strchr(field, ' ');
		if (field)
			field++;
	}
	if (field) {
		field[strcspn(field, " ")] = '\0';
		unescape(field);
	}
	*ret_target = field;
	return end + 1;
}

static char *read_mounts(void)
{
	enum { SIZE = 1024 * 1024 };
	char *text = malloc(SIZE);

	if (text && file_read(AT_FDCWD, "/proc/self/mountinfo", text, SIZE) < 0)
		text[0] = '\0';
	return text;
}

void shutdown_note_mounts(struct own_mounts *own)
{
	char *text = read_mounts(), *target;

	own->len = 0;
	for (char *line = text; line && own->len < ARRAY_SIZE(own->ids);) {
		line = mountinfo_next(line, &own->ids[own->len], &target);
		own->len += line ? 1 : 0;
	}
	free(text);
}

static bool is_own(const struct own_mounts *own, int id)
{
	for (size_t i = 0; i < own->len; i++)
		if (own->ids[i] == id)
			return true;
	return false;
}

/* Its journal is emptied, so that it needs no recovery. Not every file system can do this. */
static void freeze(const char *target)
{
	int fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, FIFREEZE, 0) < 0)
		klog_error("unmount or freeze '%s': %s", target, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* Later mounts may be inside earlier ones, so the last ones go first. Returns how many are
 * left; *ret_gone is how many were unmounted. */
static size_t unmount_pass(const struct own_mounts *own, bool is_last, size_t *ret_gone)
{
	enum { MOUNTS_MAX = 4096 };
	static char *targets[MOUNTS_MAX];
	char *text = read_mounts(), *target;
	size_t n = 0, left = 0;
	int id;

	for (char *line = text; line && n < MOUNTS_MAX;) {
		line = mountinfo_next(line, &id, &target);
		if (line && target && !is_own(own, id))
			targets[n++] = target;
	}
	*ret_gone = 0;
	while (n-- > 0) {
		if (umount2(targets[n], UMOUNT_NOFOLLOW) == 0) {
			(*ret_gone)++;
			continue;
		}
		left++;
		if (is_last)
			freeze(targets[n]);
	}
	free(text);
	return left;
}

/* A mount that was moved can be inside a later one, which then takes a second pass. */
static void unmount_all(const struct own_mounts *own)
{
	size_t left, gone;

	do
		left = unmount_pass(own, false, &gone);
	while (left > 0 && gone > 0);
	if (left > 0)
		unmount_pass(own, true, &gone);
}

/* True when no process is left. SIGCHLD is blocked, so none is missed between waitpid()
 * and sigtimedwait(). */
static bool wait_for_processes(int64_t deadline_ms)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid > 0)
			continue;
		if (pid < 0 && errno == ECHILD)
			return true;

		int64_t left = deadline_ms - clock_now_ms();
		struct timespec wait = {left / 1000, left % 1000 * 1000000};

		if (left <= 0)
			return false;
		sigtimedwait(&set, NULL, &wait);
	}
}

void shutdown_end_processes(void)
{
	if (wait_for_processes(0))
		return;
	kill(-1, SIGTERM);
	kill(-1, SIGCONT); /* a stopped one can't end */
	if (wait_for_processes(clock_now_ms() + GRACE_MS))
		return;
	kill(-1, SIGKILL);
	if (!wait_for_processes(clock_now_ms() + KILL_WAIT_MS))
		klog_error("a process can't be killed");
}

void shutdown_write_out(const struct own_mounts *own)
{
	sync();
	unmount_all(own);
	sync();
}
