/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Locks on disks. As qemu does it: first set all locks, then look for those of others that
 * forbid what we do, or do what we forbid. So of two that come at once none may win, but
 * never both. */
#include "vm/disk-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Numbers of bits, as qemu calls them. */
enum { READ = 0, WRITE = 1, RESIZE = 3 };
enum { DOES = 100, FORBIDS = 200 };

struct wish {
	off_t does[3], forbids[2];
	size_t n_does, n_forbids;
};

static struct wish wish_of(const struct vm_disk *disk)
{
	struct wish w = {{READ}, {WRITE}, 1, 1};
	bool is_raw = strcmp(disk->format, "raw") == 0;

	if (disk->writable)
		w.does[w.n_does++] = WRITE;
	if (disk->writable && !is_raw)
		w.does[w.n_does++] = RESIZE;
	if (!is_raw)
		w.forbids[w.n_forbids++] = RESIZE;
	return w;
}

static int lock_byte(int fd, int command, short type, off_t byte, struct flock *ret)
{
	*ret = (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
	return fcntl(fd, command, ret);
}

/* False: another has locked it for writing, which no qemu does. */
static bool set(int fd, off_t byte)
{
	struct flock lock;

	/* Some file systems have no locks. */
	return lock_byte(fd, F_OFD_SETLK, F_RDLCK, byte, &lock) == 0 ||
		(errno != EAGAIN && errno != EACCES);
}

static bool is_set_by_others(int fd, off_t byte)
{
	struct flock lock;

	return lock_byte(fd, F_OFD_GETLK, F_WRLCK, byte, &lock) == 0 &&
		lock.l_type != F_UNLCK;
}

static bool lock_file(int fd, const struct wish *w)
{
	for (size_t i = 0; i < w->n_does; i++)
		if (!set(fd, DOES + w->does[i]))
			return false;
	for (size_t i = 0; i < w->n_forbids; i++)
		if (!set(fd, FORBIDS + w->forbids[i]))
			return false;
	for (size_t i = 0; i < w->n_does; i++)
		if (is_set_by_others(fd, FORBIDS + w->does[i]))
			return false;
	for (size_t i = 0; i < w->n_forbids; i++)
		if (is_set_by_others(fd, DOES + w->forbids[i]))
			return false;
	return true;
}

static bool are_one_file(int a, int b)
{
	struct stat st_a, st_b;

	if (fstat(a, &st_a) < 0 || fstat(b, &st_b) < 0)
		return false;
	/* A device may have several nodes. */
	if (S_ISBLK(st_a.st_mode) && S_ISBLK(st_b.st_mode))
		return st_a.st_rdev == st_b.st_rdev;
	return st_a.st_dev == st_b.st_dev && st_a.st_ino == st_b.st_ino;
}

static int take(const struct vm_disk *disk, const struct disk_lock *before, size_t n,
	struct disk_lock *ret, struct error *err)
{
	const struct wish w = wish_of(disk);

	/* The host's directory stays everybody's. */
	if (disk->share) {
		*ret = (struct disk_lock){-1, disk};
		return 0;
	}

	CLEANUP_CLOSE int fd = open(disk->path,
		(disk->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return error_set(err, errno, "attach '%s'", disk->path);
	for (size_t i = 0; i < n; i++)
		if ((disk->writable || before[i].disk->writable) &&
			are_one_file(fd, before[i].fd))
			return error_set(err, 0,
				"attach '%s' and '%s': they are one file, and writing to it by one "
				"way damages what is read by the other; attach it once, or "
				"read-only both times",
				before[i].disk->path, disk->path);
	if (!lock_file(fd, &w))
		return error_set(err, 0,
			"attach '%s': it is in use by another process, another VM most likely: "
			"end that one, or attach the image read-only in both",
			disk->path);
	*ret = (struct disk_lock){TAKE_FD(fd), disk};
	return 0;
}

int disk_locks_take(
	const struct vm_disk *disks, size_t n, struct disk_lock *ret, struct error *err)
{
	for (size_t i = 0; i < n; i++)
		if (take(&disks[i], ret, i, &ret[i], err) < 0) {
			disk_locks_done(ret, i);
			return -1;
		}
	return 0;
}

void disk_locks_done(struct disk_lock *locks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cleanup_close(&locks[i].fd);
}
