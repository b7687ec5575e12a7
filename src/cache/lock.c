/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A process that gives its turn back removes the lock's file first, so that no files pile
 * up. A process that waited for this lock then holds the lock of a file without a name: it
 * sees that, and starts again with a new file. The same happens when the file of a killed
 * process is collected.
 */
#include "cache/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"

static int set_lock(int fd, int command, enum lock_how how)
{
	struct flock lock = {
		.l_type = how == LOCK_SHARED ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, command, &lock);
}

enum lock_result lock_try(int fd, enum lock_how how)
{
	if (set_lock(fd, F_OFD_SETLK, how) == 0)
		return LOCK_TAKEN;
	return errno == EAGAIN || errno == EACCES ? LOCK_BUSY : LOCK_REFUSED;
}

bool lock_is_taken(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* ---- Turns ---- */

static int open_lock_file(int cache_fd, const char *path)
{
	if (mkdirat(cache_fd, "locks", 0700) < 0 && errno != EEXIST)
		return -1;
	return openat(cache_fd, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* For processes that wait: they tell their user. On a full disk they can't. */
static void write_holder(int fd)
{
	struct utsname host;
	char text[200];

	uname(&host);
	int len = snprintf(text, sizeof(text), "%d %s\n", (int)getpid(), host.nodename);
	if (ftruncate(fd, 0) < 0 || io_pwrite_full(fd, text, len, 0) < 0)
		log_debug("the holder of a lock could not be written down: %s",
			strerror(errno));
}

static void say_waiting(int fd, const char *what)
{
	struct utsname host;
	char text[200] = "", name[100] = "";
	int pid = 0;

	uname(&host);
	ssize_t len = io_pread_full(fd, text, sizeof(text) - 1, 0);
	if (len > 0 && sscanf(text, "%d %99s", &pid, name) >= 1 && pid > 0)
		log_notice("waiting for process %d%s%s, which %s", pid,
			strcmp(name, host.nodename) == 0 ? "" : " on ",
			strcmp(name, host.nodename) == 0 ? "" : name, what);
	else
		log_notice("waiting for another process, which %s", what);
}

static int wait_for_lock(int fd, const char *path,
	const volatile sig_atomic_t *interrupted, struct error *err)
{
	while (set_lock(fd, F_OFD_SETLKW, LOCK_ALONE) < 0) {
		if (errno != EINTR)
			return error_set(err, errno, "lock '%s'", path);
		if (interrupted && *interrupted)
			return error_set(err, EINTR, "wait for the lock '%s'", path);
	}
	return 0;
}

int turn_take(const struct cache *cache, const char *name, const char *what,
	const volatile sig_atomic_t *interrupted, struct turn *ret, struct error *err)
{
	struct turn t = {.cache_fd = cache->fd, .path = xasprintf("locks/%s", name)};
	bool said = false;

	for (;;) {
		t.fd = open_lock_file(cache->fd, t.path);
		if (t.fd < 0) {
			error_set(err, errno, "create '%s/%s'", cache->path, t.path);
			break;
		}
		enum lock_result result = lock_try(t.fd, LOCK_ALONE);
		if (result == LOCK_BUSY && !said)
			say_waiting(t.fd, what);
		said |= result == LOCK_BUSY;
		if (result == LOCK_BUSY &&
			wait_for_lock(t.fd, t.path, interrupted, err) < 0) {
			close(t.fd);
			break;
		}
		if (result == LOCK_REFUSED || file_is_at(t.cache_fd, t.path, t.fd)) {
			write_holder(t.fd);
			*ret = t;
			return 0;
		}
		close(t.fd);
	}
	free(t.path);
	return -1;
}

enum lock_result turn_try(const struct cache *cache, const char *name, struct turn *ret)
{
	struct turn t = {.cache_fd = cache->fd, .path = xasprintf("locks/%s", name)};
	enum lock_result result = LOCK_REFUSED;

	t.fd = open_lock_file(cache->fd, t.path);
	if (t.fd >= 0)
		result = lock_try(t.fd, LOCK_ALONE);
	if (result == LOCK_TAKEN && !file_is_at(t.cache_fd, t.path, t.fd))
		result = LOCK_BUSY;
	if (result == LOCK_TAKEN) {
		*ret = t;
		return LOCK_TAKEN;
	}
	if (t.fd >= 0)
		close(t.fd);
	free(t.path);
	return result;
}

void turn_give(struct turn *t)
{
	if (!t->path)
		return;
	unlinkat(t->cache_fd, t->path, 0);
	close(t->fd);
	free(t->path);
	*t = (struct turn){.fd = -1};
}
