/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where sessions are found. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/file.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/name.h"
#include "cache/lock.h"
#include "config.h"
#include "session/place.h"
#include "session/session.h"

#define LOCK   "lock"
#define SOCKET "socket"
#define ENDED  "ended"
/* Names that are tried for a session without one. */
#define NUMBER_MAX 10000
#define READY	   ".ready-"
#define ENDED_MAX  4096
/* What is in the lock file: the version of the messages, and hypermin's. */
#define VERSIONS     "%u %63s"
#define VERSIONS_MAX 80

/* Also of a VM that waits. */
static int check_name(const char *name, struct error *err)
{
	return strncmp(name, READY, strlen(READY)) == 0 && !strchr(name, '/')
		? 0
		: name_check("a session", name, err);
}

/* ---- The directory ---- */

static bool is_ours(const struct stat *st)
{
	return S_ISDIR(st->st_mode) && st->st_uid == geteuid();
}

static char *directory_path(void)
{
	const char *xdg = secure_getenv("XDG_RUNTIME_DIR");
	CLEANUP_FREE char *of_user = xasprintf("/run/user/%u", (unsigned)geteuid());
	struct stat st;

	if (xdg && *xdg == '/')
		return xasprintf("%s/hypermin", xdg);
	if (stat(of_user, &st) == 0 && is_ours(&st))
		return xasprintf("%s/hypermin", of_user);
	if (geteuid() == 0)
		return xstrdup("/run/hypermin");
	return xasprintf("/tmp/hypermin-%u", (unsigned)geteuid());
}

int session_open_directory(struct error *err)
{
	CLEANUP_FREE char *path = directory_path();
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_set(err, errno,
			"make the directory of sessions '%s'; XDG_RUNTIME_DIR names another "
			"place",
			path);
	CLEANUP_CLOSE int fd =
		open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "open the directory of sessions '%s'", path);
	if (!is_ours(&st) || st.st_mode & 077)
		return error_set(err, EPERM,
			"use the directory of sessions '%s': other users have access to it; "
			"XDG_RUNTIME_DIR names another place",
			path);
	return TAKE_FD(fd);
}

static char *file_of(const char *name, const char *what)
{
	return xasprintf("%s.%s", name, what);
}

static void remove_file(int dir_fd, const char *name, const char *what)
{
	CLEANUP_FREE char *file = file_of(name, what);

	unlinkat(dir_fd, file, 0);
}

/* ---- The keeper's side ---- */

/* The lock's descriptor; -1 with errno, EEXIST if it is taken. */
static int take_lock(int dir_fd, const char *name)
{
	CLEANUP_FREE char *file = file_of(name, LOCK);

	for (;;) {
		CLEANUP_CLOSE int fd = openat(
			dir_fd, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0)
			return -1;
		enum lock_result result = lock_try(fd, LOCK_ALONE);
		if (result == LOCK_REFUSED)
			return -1;
		if (result == LOCK_BUSY) {
			errno = EEXIST;
			return -1;
		}
		/* Else another process has removed it meanwhile. */
		if (file_is_at(dir_fd, file, fd))
			return TAKE_FD(fd);
	}
}

/* For clients, before one can connect. */
static int write_versions(int lock_fd)
{
	char text[VERSIONS_MAX];
	int len = snprintf(
		text, sizeof(text), "%u %s\n", SESSION_VERSION, HYPERMIN_VERSION);

	return ftruncate(lock_fd, 0) < 0 ? -1 : io_write_full(lock_fd, text, len);
}

static int claim_number(struct session_name *n, const char *prefix, unsigned max)
{
	for (unsigned i = 1; i <= max; i++) {
		free(n->name);
		n->name = xasprintf("%s%u", prefix, i);
		n->lock_fd = take_lock(n->dir_fd, n->name);
		if (n->lock_fd >= 0 || errno != EEXIST)
			break;
	}
	return n->lock_fd;
}

/* The name itself, or with a number. */
static int claim(
	const char *name, unsigned numbers, struct session_name *ret, struct error *err)
{
	struct session_name n = {.lock_fd = -1};

	n.dir_fd = session_open_directory(err);
	if (n.dir_fd < 0)
		return -1;
	if (numbers) {
		claim_number(&n, name, numbers);
	} else {
		n.name = xstrdup(name);
		n.lock_fd = take_lock(n.dir_fd, name);
	}
	if (n.lock_fd < 0) {
		if (errno == EEXIST) {
			error_set(err, 0,
				"start the session '%s': there is one of this name; hypermin "
				"list shows it",
				n.name);
			if (err)
				err->num = EEXIST;
		} else
			error_set(err, errno, "take the name '%s' for a session", n.name);
		close(n.dir_fd);
		free(n.name);
		return -1;
	}
	remove_file(n.dir_fd, n.name, SOCKET);
	remove_file(n.dir_fd, n.name, ENDED);
	if (write_versions(n.lock_fd) < 0) {
		error_set(err, errno, "say the version of the session '%s'", n.name);
		session_release(&n, NULL);
		return -1;
	}
	*ret = n;
	return 0;
}

int session_claim(const char *name, struct session_name *ret, struct error *err)
{
	if (name && name_check("a session", name, err) < 0)
		return -1;
	return name ? claim(name, 0, ret, err) : claim("vm", NUMBER_MAX, ret, err);
}

int session_claim_ready(
	const char *key, unsigned max, struct session_name *ret, struct error *err)
{
	CLEANUP_FREE char *prefix = xasprintf(READY "%s-", key);

	return claim(prefix, max, ret, err);
}

/* A path in sun_path is short; one by the directory's descriptor always fits. */
static struct sockaddr_un address_of(int dir_fd, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path),
		"/proc/self/fd/%d/%s." SOCKET, dir_fd, name);
	return address;
}

int session_listen(const struct session_name *name, struct error *err)
{
	struct sockaddr_un address = address_of(name->dir_fd, name->name);

	CLEANUP_CLOSE int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(fd, 64) < 0)
		return error_set(err, errno, "listen on the socket of the session '%s'",
			name->name);
	return TAKE_FD(fd);
}

void session_release(struct session_name *name, const char *why)
{
	if (!name->name)
		return;
	if (why) {
		CLEANUP_FREE char *file = file_of(name->name, ENDED);
		CLEANUP_CLOSE int fd = openat(name->dir_fd, file,
			O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0)
			io_write_full(fd, why, strlen(why));
	}
	remove_file(name->dir_fd, name->name, SOCKET);
	remove_file(name->dir_fd, name->name, LOCK);
	close(name->lock_fd);
	close(name->dir_fd);
	free(name->name);
	*name = (struct session_name){0};
}

/* ---- The clients' side ---- */

static bool is_running(int dir_fd, const char *name)
{
	CLEANUP_FREE char *file = file_of(name, LOCK);

	CLEANUP_CLOSE int fd = openat(dir_fd, file, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && lock_is_taken(fd);
}

/* If its keeper was killed. */
static void remove_leftovers(int dir_fd, const char *name)
{
	int fd = take_lock(dir_fd, name);

	if (fd < 0)
		return;
	remove_file(dir_fd, name, SOCKET);
	remove_file(dir_fd, name, LOCK);
	close(fd);
}

static int explain_missing(int dir_fd, const char *name, struct error *err)
{
	CLEANUP_FREE char *file = file_of(name, ENDED);
	CLEANUP_FREE char *why = NULL;
	struct error unreadable;
	size_t len;

	if (io_read_file(dir_fd, file, ENDED_MAX, &why, &len, &unreadable) == 0) {
		unlinkat(dir_fd, file, 0);
		error_set(err, 0, "the session '%s' has ended: %-s", name, why);
	} else if (is_running(dir_fd, name)) {
		return error_set(err, EAGAIN, "the session '%s' is still starting", name);
	} else {
		remove_leftovers(dir_fd, name);
		error_set(err, 0,
			"there is no session '%s'; hypermin list shows those there are",
			name);
	}
	if (err)
		err->num = ENOENT;
	return -1;
}

bool session_peer_is_ours(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
		(peer.uid == geteuid() || peer.uid == 0);
}

/* `fd` is a connection to the keeper. */
static int check_version(int dir_fd, const char *name, int fd, struct error *err)
{
	CLEANUP_FREE char *file = file_of(name, LOCK);
	CLEANUP_FREE char *text = NULL;
	struct ucred keeper = {0};
	socklen_t len = sizeof(keeper);
	char of_hypermin[64] = "";
	unsigned version = 0;
	size_t n;

	/* One that says nothing is older than this. */
	if (io_read_file(dir_fd, file, VERSIONS_MAX, &text, &n, NULL) == 0)
		sscanf(text, VERSIONS, &version, of_hypermin);
	if (version == SESSION_VERSION)
		return 0;
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &keeper, &len);
	error_set(err, 0,
		"connect to the session '%s': it was started by another version of hypermin "
		"(%s), which this one (%s) does not understand; use that one, or end the "
		"session by `kill %d`, which loses nothing on its disks, and start it again",
		name, *of_hypermin ? of_hypermin : "an older one", HYPERMIN_VERSION,
		(int)keeper.pid);
	if (err)
		err->num = EPROTO;
	return -1;
}

int session_connect(const char *name, struct error *err)
{
	if (check_name(name, err) < 0)
		return -1;
	CLEANUP_CLOSE int dir_fd = session_open_directory(err);
	if (dir_fd < 0)
		return -1;
	struct sockaddr_un address = address_of(dir_fd, name);
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, errno, "make a socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return explain_missing(dir_fd, name, err);
		return error_set(err, errno, "connect to the session '%s'", name);
	}
	if (!session_peer_is_ours(fd))
		return error_set(err, EPERM,
			"connect to the session '%s': it is another user's", name);
	if (check_version(dir_fd, name, fd, err) < 0)
		return -1;
	return TAKE_FD(fd);
}

/* Cut the ending off a file's name. A session's name may have the same word in it:
 * "a.lock.lock". False: the name ends in another way. */
static bool cut_ending(char *file, const char *ending)
{
	size_t len = strlen(file), ending_len = strlen(ending);

	if (len <= ending_len || strcmp(file + len - ending_len, ending) != 0)
		return false;
	file[len - ending_len] = '\0';
	return true;
}

/* Those whose names begin with `prefix`; NULL: of sessions. */
static int list(const char *prefix, struct strvec *ret, struct error *err)
{
	CLEANUP_STRVEC struct strvec files = {0};

	CLEANUP_CLOSE int dir_fd = session_open_directory(err);
	if (dir_fd < 0)
		return -1;
	if (directory_list(dir_fd, ".", 0, &files) < 0)
		return error_set(err, errno, "list the directory of sessions");
	vector_foreach (file, &files) {
		bool is_meant = prefix ? strncmp(*file, prefix, strlen(prefix)) == 0
				       : **file != '.';

		if (!is_meant || !cut_ending(*file, "." LOCK))
			continue;
		if (is_running(dir_fd, *file))
			strvec_add(ret, *file);
		else
			remove_leftovers(dir_fd, *file);
	}
	return 0;
}

int session_list(struct strvec *ret, struct error *err)
{
	return list(NULL, ret, err);
}

int session_list_ready(const char *key, struct strvec *ret, struct error *err)
{
	CLEANUP_FREE char *prefix = key ? xasprintf(READY "%s-", key) : xstrdup(READY);

	return list(prefix, ret, err);
}
