/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whole reads and whole writes. */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/strbuf.h"

int io_write_full(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

int io_pwrite_full(int fd, const void *data, size_t len, off_t offset)
{
	const char *p = data;

	while (len) {
		ssize_t n = pwrite(fd, p, len, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		offset += n;
		len -= n;
	}
	return 0;
}

/* The length of the run of blocks from `data` on that are all zeros, or all not. */
static size_t same_kind(const char *data, size_t len, bool *ret_zeros)
{
	static const char zeros[4096];
	size_t run = 0;

	while (run < len) {
		size_t block = len - run < sizeof(zeros) ? len - run : sizeof(zeros);
		bool is_zeros = memcmp(data + run, zeros, block) == 0;
		if (run == 0)
			*ret_zeros = is_zeros;
		else if (is_zeros != *ret_zeros)
			break;
		run += block;
	}
	return run;
}

int io_write_sparse(int fd, const void *data, size_t len)
{
	for (size_t offset = 0; offset < len;) {
		const char *p = (const char *)data + offset;
		bool zeros;
		size_t run = same_kind(p, len - offset, &zeros);
		if (!zeros && io_pwrite_full(fd, p, run, offset) < 0)
			return -1;
		offset += run;
	}
	return ftruncate(fd, len);
}

ssize_t io_pread_full(int fd, void *data, size_t len, off_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (char *)data + done, len - done, offset + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += n;
	}
	return done;
}

int io_read_fd(int fd, const char *name, size_t max, char **ret_data, size_t *ret_len,
	struct error *err)
{
	CLEANUP_STRBUF struct strbuf sb = {0};

	for (;;) {
		const size_t step = 64 * 1024;
		ssize_t n = read(fd, strbuf_grow(&sb, step), step);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, errno, "read '%s'", name);
		if (n == 0)
			break;
		sb.len += n;
		if (sb.len > max)
			return error_set(err, EFBIG, "read '%s'", name);
	}
	sb.data[sb.len] = '\0';
	*ret_len = sb.len;
	*ret_data = strbuf_detach(&sb);
	return 0;
}

int io_open_file(int dirfd, const char *path, int flags, struct error *err)
{
	struct stat st;
	/* The open of a FIFO would wait for a writer. */
	CLEANUP_CLOSE int fd =
		openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, 0, "open '%s': it is not a regular file", path);
	return TAKE_FD(fd);
}

int io_read_file(int dirfd, const char *path, size_t max, char **ret_data,
	size_t *ret_len, struct error *err)
{
	CLEANUP_CLOSE int fd = io_open_file(dirfd, path, 0, err);
	if (fd < 0)
		return -1;
	return io_read_fd(fd, path, max, ret_data, ret_len, err);
}
