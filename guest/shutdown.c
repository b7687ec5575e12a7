/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A user's disk must be consistent when the machine is gone. So whoever could still write
 * is ended first, then the file systems are unmounted, innermost first, and one that
 * can't be (a loop, a swap file) is detached and synced.
 *
 * "No processes left" is "no children left", since the first process inherits every
 * orphan. Counting by kill(-1) would not do: that finds the kernel's threads too.
 */
#include "guest/shutdown.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/file.h"
#include "guest/log.h"
#include "guest/uevent.h"

enum {
	GRACE_MS = 2000,
	/* After SIGKILL only a process stuck in the kernel is left. */
	KILL_WAIT_MS = 1000,
	NOTED_MAX = 64,
};

static int noted[NOTED_MAX];
static size_t n_noted;

/* Undo "\040": the kernel writes blanks, newlines and backslashes so. */
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
		field += field ? 1 : 0;
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

void shutdown_note_mounts(void)
{
	char *text = read_mounts(), *target;

	for (char *line = text; line && n_noted < NOTED_MAX;) {
		line = mountinfo_next(line, &noted[n_noted], &target);
		n_noted += line ? 1 : 0;
	}
	free(text);
}

static int is_noted(int id)
{
	for (size_t i = 0; i < n_noted; i++)
		if (noted[i] == id)
			return 1;
	return 0;
}

/* The later a mount, the further inside: the last ones first. Returns how many are left;
 * *ret_gone how many are not. */
static size_t unmount_pass(int flags, size_t *ret_gone)
{
	enum { MOUNTS_MAX = 4096 };
	static char *targets[MOUNTS_MAX];
	char *text = read_mounts(), *target;
	size_t n = 0, left = 0;
	int id;

	for (char *line = text; line && n < MOUNTS_MAX;) {
		line = mountinfo_next(line, &id, &target);
		if (line && target && !is_noted(id))
			targets[n++] = target;
	}
	*ret_gone = 0;
	while (n-- > 0) {
		if (umount2(targets[n], flags | UMOUNT_NOFOLLOW) == 0) {
			(*ret_gone)++;
			continue;
		}
		left++;
		if (flags & MNT_DETACH)
			klog_error("unmount '%s': %s", targets[n], strerror(errno));
	}
	free(text);
	return left;
}

static void unmount_all(void)
{
	size_t left, gone;

	do
		left = unmount_pass(0, &gone);
	while (left > 0 && gone > 0);
	if (left > 0)
		unmount_pass(MNT_DETACH, &gone);
}

/* True when no process is left. SIGCHLD is blocked, so none is missed between look and
 * wait. */
static int wait_for_processes(int64_t deadline_ms)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid > 0)
			continue;
		if (pid < 0 && errno == ECHILD)
			return 1;

		int64_t left = deadline_ms - uevent_now_ms();
		struct timespec wait = {left / 1000, left % 1000 * 1000000};

		if (left <= 0)
			return 0;
		sigtimedwait(&set, NULL, &wait);
	}
}

void shutdown_end_processes(void)
{
	if (wait_for_processes(0))
		return;
	kill(-1, SIGTERM);
	kill(-1, SIGCONT); /* a stopped one can't end */
	if (wait_for_processes(uevent_now_ms() + GRACE_MS))
		return;
	kill(-1, SIGKILL);
	if (!wait_for_processes(uevent_now_ms() + KILL_WAIT_MS))
		klog_error("a process can't be killed");
}

void shutdown_write_out(void)
{
	sync();
	unmount_all();
	sync();
}
