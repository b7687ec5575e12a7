/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Comparing and copying files. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/mem.h"

#define BUFFER_SIZE (64 * 1024)

bool file_is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool file_is_at(int dir_fd, const char *name, int fd)
{
	struct stat named, opened;

	return fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		fstat(fd, &opened) == 0 && file_is_same(&named, &opened);
}

bool file_is_unchanged(const struct stat *a, const struct stat *b)
{
	return file_is_same(a, b) && a->st_size == b->st_size &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
		a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
		a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
		a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

void file_add_identity(struct sha256 *key, const struct stat *st)
{
	const uint64_t numbers[] = {st->st_dev, st->st_ino, st->st_size,
		st->st_mtim.tv_sec, st->st_mtim.tv_nsec, st->st_ctim.tv_sec,
		st->st_ctim.tv_nsec};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sha256_add_number(key, numbers[i]);
}

int file_next_data(int fd, off_t *at, off_t *end, off_t size)
{
	off_t data = lseek(fd, *at, SEEK_DATA);
	if (data < 0 && errno == EINVAL)
		data = *at;
	else if (data < 0)
		return errno == ENXIO ? 0 : -1;
	off_t hole = data < size ? lseek(fd, data, SEEK_HOLE) : data;
	if (hole < 0 && errno != EINVAL)
		return -1;
	hole = hole < 0 ? size : MIN(hole, size);
	if (hole <= data)
		return 0;
	*at = data;
	*end = hole;
	return 1;
}

int file_copy_range(int from, off_t from_at, int to, off_t to_at, uint64_t len)
{
	CLEANUP_FREE char *buffer = NULL;

	while (len) {
		off_t in = from_at, out = to_at;
		ssize_t n = copy_file_range(from, &in, to, &out, len, 0);
		if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
			return -1;
		/* Not all pairs of file systems can do it. */
		if (n <= 0) {
			if (!buffer)
				buffer = xmalloc(BUFFER_SIZE);
			n = io_pread_full(from, buffer, MIN(len, BUFFER_SIZE), from_at);
			if (n == 0)
				errno = EIO;
			if (n <= 0 || io_pwrite_full(to, buffer, n, to_at) < 0)
				return -1;
		}
		from_at += n;
		to_at += n;
		len -= n;
	}
	return 0;
}

int file_in_memory(const char *name, uint64_t size, struct error *err)
{
	CLEANUP_CLOSE int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, size) < 0)
		return error_set(err, errno, "make a file in memory");
	return TAKE_FD(fd);
}
