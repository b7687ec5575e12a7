/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Claims on the host's memory: memory.h. */
#include "session/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/io.h"
#include "base/mem.h"
#include "cache/lock.h"
#include "session/place.h"

#define PREFIX ".memory-"
#define TURN   ".memory.turn"
/* Of a claim, and of what is read in /proc. */
#define CLAIM_MAX  100
#define STATUS_MAX 65536

/* ---- What others have claimed ---- */

/* "NAME:   123 kB" in a file of /proc, in bytes; 0: there is none. */
static uint64_t find_kib(const char *text, const char *name)
{
	size_t len = strlen(name);
	uint64_t kib;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) == 0 && line[len] == ':' &&
			sscanf(line + len + 1, "%" SCNu64, &kib) == 1)
			return kib * 1024;
	}
	return 0;
}

/* Memory that only this process has. Pages of a snapshot's file that it has not changed are
 * others' as well, and the kernel can have them back. */
static uint64_t taken_by(const char *proc, int pid)
{
	CLEANUP_FREE char *path = xasprintf("%s/%d/status", proc, pid);
	CLEANUP_FREE char *text = NULL;
	size_t len;

	if (pid <= 0 || io_read_file(AT_FDCWD, path, STATUS_MAX, &text, &len, NULL) < 0)
		return 0;
	return find_kib(text, "RssAnon") + find_kib(text, "RssShmem");
}

/* A claim that is not written yet is that of a process which is about to lock it. */
static bool is_abandoned(const char *name, const char *text)
{
	int pid;

	return *text ||
		(sscanf(name, PREFIX "%d-", &pid) == 1 && kill(pid, 0) < 0 &&
			errno == ESRCH);
}

/* What a claim says, if its process lives. One of a killed process is removed. */
static bool read_claim(int dir_fd, const char *name, char ret[static CLAIM_MAX])
{
	CLEANUP_CLOSE int fd = openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	memset(ret, 0, CLAIM_MAX);
	if (fd < 0 || io_pread_full(fd, ret, CLAIM_MAX - 1, 0) < 0)
		return false;
	if (lock_is_taken(fd))
		return true;
	if (is_abandoned(name, ret))
		unlinkat(dir_fd, name, 0);
	return false;
}

/* In a directory that is open for reading. */
static int list_claims(int dir_fd, struct strvec *ret, struct error *err)
{
	CLEANUP_STRVEC struct strvec names = {0};

	if (directory_list(dir_fd, ".", 0, &names) < 0)
		return error_set(err, errno, "list the claims on memory");
	vector_foreach (name, &names)
		if (strncmp(*name, PREFIX, strlen(PREFIX)) == 0)
			strvec_add(ret, *name);
	return 0;
}

static void remove_abandoned(int dir_fd)
{
	CLEANUP_STRVEC struct strvec names = {0};
	char ignored[CLAIM_MAX];

	if (list_claims(dir_fd, &names, NULL) == 0)
		vector_foreach (name, &names)
			read_claim(dir_fd, *name, ignored);
}

static void add_claim(
	int dir_fd, const char *name, const char *proc, struct memory_room *room)
{
	char text[CLAIM_MAX];
	uint64_t bytes;
	int pid = 0;

	if (!read_claim(dir_fd, name, text) ||
		sscanf(text, "%" SCNu64 " %d", &bytes, &pid) < 1)
		return;
	uint64_t taken = taken_by(proc, pid);
	room->promised += bytes > taken ? bytes - taken : 0;
	room->n_claims++;
}

static int find_room(
	int dir_fd, const char *proc, struct memory_room *ret, struct error *err)
{
	CLEANUP_FREE char *path = xasprintf("%s/meminfo", proc);
	CLEANUP_FREE char *text = NULL;
	CLEANUP_STRVEC struct strvec names = {0};
	struct memory_room room = {0};
	size_t len;

	if (io_read_file(AT_FDCWD, path, STATUS_MAX, &text, &len, err) < 0)
		return -1;
	room.total = find_kib(text, "MemTotal");
	room.available = find_kib(text, "MemAvailable");
	if (list_claims(dir_fd, &names, err) < 0)
		return -1;
	vector_foreach (name, &names)
		add_claim(dir_fd, *name, proc, &room);
	*ret = room;
	return 0;
}

/* ---- A claim of ours ---- */

static int write_claim(int fd, uint64_t bytes, pid_t pid)
{
	char text[CLAIM_MAX];
	int len = snprintf(text, sizeof(text), "%" PRIu64 " %d\n", bytes, (int)pid);

	/* A rest of a longer text stands behind the newline. */
	return io_pwrite_full(fd, text, len, 0);
}

/* Locked before it says anything: see is_abandoned(). */
static int claim_in(
	int dir_fd, uint64_t bytes, struct memory_claim *ret, struct error *err)
{
	static unsigned last;
	struct memory_claim c = {.dir_fd = dir_fd, .fd = -1};

	do {
		free(c.name);
		c.name = xasprintf(PREFIX "%d-%u", (int)getpid(),
			__atomic_add_fetch(&last, 1, __ATOMIC_RELAXED));
		c.fd = openat(dir_fd, c.name,
			O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	} while (c.fd < 0 && errno == EEXIST);
	if (c.fd >= 0 && lock_try(c.fd, LOCK_ALONE) == LOCK_TAKEN &&
		write_claim(c.fd, bytes, 0) == 0) {
		*ret = c;
		return 0;
	}
	error_set(err, errno, "claim memory for the VM");
	if (c.fd >= 0) {
		unlinkat(dir_fd, c.name, 0);
		close(c.fd);
	}
	free(c.name);
	return -1;
}

int memory_claim(uint64_t bytes, struct memory_claim *ret, struct error *err)
{
	CLEANUP_CLOSE int dir_fd = session_open_directory(err);

	if (dir_fd < 0)
		return -1;
	remove_abandoned(dir_fd);
	if (claim_in(dir_fd, bytes, ret, err) < 0)
		return -1;
	(void)TAKE_FD(dir_fd);
	return 0;
}

enum memory_result memory_claim_if_free(const char *proc, uint64_t bytes,
	struct memory_claim *ret, struct memory_room *ret_room, struct error *err)
{
	CLEANUP_CLOSE int dir_fd = session_open_directory(err);

	if (dir_fd < 0)
		return MEMORY_FAILED;
	/* It is never removed: its lock is for everybody who opens it. */
	CLEANUP_CLOSE int turn =
		openat(dir_fd, TURN, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (turn < 0)
		return error_set(err, errno, "look for free memory");
	if (lock_try(turn, LOCK_ALONE) == LOCK_BUSY)
		return MEMORY_BUSY;
	if (find_room(dir_fd, proc, ret_room, err) < 0)
		return MEMORY_FAILED;
	if (bytes + ret_room->promised > ret_room->available)
		return MEMORY_SHORT;
	if (claim_in(dir_fd, bytes, ret, err) < 0)
		return MEMORY_FAILED;
	(void)TAKE_FD(dir_fd);
	return MEMORY_CLAIMED;
}

void memory_claim_set(const struct memory_claim *claim, uint64_t bytes, pid_t pid)
{
	/* Where that fails, the claim stays what it was. */
	if (claim->name)
		write_claim(claim->fd, bytes, pid);
}

void memory_claim_release(struct memory_claim *claim)
{
	if (!claim->name)
		return;
	unlinkat(claim->dir_fd, claim->name, 0);
	close(claim->fd);
	close(claim->dir_fd);
	free(claim->name);
	*claim = (struct memory_claim){.dir_fd = -1, .fd = -1};
}
