/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing small files. */
#include "guest/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static long read_to_end(int fd, char *ret, size_t size)
{
	size_t len = 0;

	while (len < size - 1) {
		ssize_t n = read(fd, ret + len, size - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += n;
	}
	ret[len] = '\0';
	return len;
}

long file_read(int dirfd, const char *path, char *ret, size_t size)
{
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	long len;

	if (fd < 0)
		return -1;
	len = read_to_end(fd, ret, size);
	close(fd);
	return len;
}

long file_read_line(int dirfd, const char *path, char *ret, size_t size)
{
	long len = file_read(dirfd, path, ret, size);

	if (len < 0)
		return -1;
	len = strcspn(ret, "\n");
	while (len > 0 && ret[len - 1] == ' ')
		len--;
	ret[len] = '\0';
	return len;
}

char *file_read_all(const char *path, size_t max)
{
	struct stat st;
	char *data;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t)max)
		return calloc(1, 1);
	data = malloc(st.st_size + 1);
	if (data && file_read(AT_FDCWD, path, data, st.st_size + 1) < 0)
		data[0] = '\0';
	return data;
}

int file_write(int dirfd, const char *path, const char *text)
{
	int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	int errnum = errno;

	if (fd >= 0)
		close(fd);
	errno = errnum;
	return n < 0 ? -1 : 0;
}
