/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A library to be preloaded: the n-th call that would change a file system fails, or the
 * process is killed in its place. Calls are counted over all processes that share
 * FAULT_STATE.
 *
 *	FAULT_STATE	a file of 4096 zeros: the count, and what was called the n-th time
 *	FAULT_AT	n; 0: only count
 *	FAULT_ERRNO	what it fails with: a number; 0: kill -9
 *	FAULT_ONLY	the one function that counts; default: all
 *	FAULT_ALWAYS	if set, all later ones fail, too, as on a disk that is full
 *
 * Removing counts only where a kill is to come: what fails to be removed has to stay.
 * Pipes, sockets and devices do not count.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

struct state {
	atomic_int count;
	char called[256];
};

static struct {
	struct state *state; /* NULL: none of our business */
	int at, num;
	const char *only;
	bool always;
} fault;

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FAULT_STATE"), *at = getenv("FAULT_AT");
	const char *num = getenv("FAULT_ERRNO");

	if (!path || !at || !num)
		return;
	int fd = REAL(open64)(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	fault.at = atoi(at);
	fault.num = atoi(num);
	/* A copy: programs wipe out variables. */
	fault.only = getenv("FAULT_ONLY") ? strdup(getenv("FAULT_ONLY")) : NULL;
	fault.always = getenv("FAULT_ALWAYS") != NULL;
	fault.state = map == MAP_FAILED ? NULL : map;
}

/* Is it now? Then errno is set. */
static bool fails(const char *function, const char *path)
{
	if (!fault.state || (fault.only && strcmp(fault.only, function) != 0))
		return false;
	int n = atomic_fetch_add(&fault.state->count, 1) + 1;
	if (fault.at == 0 || n < fault.at || (n > fault.at && !fault.always))
		return false;
	if (n == fault.at)
		snprintf(fault.state->called, sizeof(fault.state->called), "%s %s\n",
			function, path ? path : "");
	if (fault.num == 0)
		kill(getpid(), SIGKILL);
	errno = fault.num;
	return true;
}

static bool fails_fd(const char *function, int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) &&
		fails(function, NULL);
}

static bool fails_removing(const char *function, const char *path)
{
	return fault.num == 0 && fails(function, path);
}

static bool fails_open(const char *path, int flags)
{
	if (!(flags & (O_CREAT | O_WRONLY | O_RDWR)) || strncmp(path, "/dev/", 5) == 0 ||
		strncmp(path, "/proc/", 6) == 0)
		return false;
	return fails("open", path);
}

/* ---- What is called ---- */

#define MODE(flags)                                                                  \
	({                                                                           \
		va_list ap_;                                                         \
		va_start(ap_, flags);                                                \
		mode_t mode_ =                                                       \
			(flags) & (O_CREAT | __O_TMPFILE) ? va_arg(ap_, mode_t) : 0; \
		va_end(ap_);                                                         \
		mode_;                                                               \
	})

int open(const char *path, int flags, ...)
{
	mode_t mode = MODE(flags);
	return fails_open(path, flags) ? -1 : REAL(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	mode_t mode = MODE(flags);
	return fails_open(path, flags) ? -1 : REAL(open64)(path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = MODE(flags);
	return fails_open(path, flags) ? -1 : REAL(openat)(dir, path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...)
{
	mode_t mode = MODE(flags);
	return fails_open(path, flags) ? -1 : REAL(openat64)(dir, path, flags, mode);
}

ssize_t write(int fd, const void *data, size_t len)
{
	return fails_fd("write", fd) ? -1 : REAL(write)(fd, data, len);
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	return fails_fd("writev", fd) ? -1 : REAL(writev)(fd, iov, n);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	return fails_fd("pwrite", fd) ? -1 : REAL(pwrite64)(fd, data, len, at);
}

ssize_t pwritev64(int fd, const struct iovec *iov, int n, off64_t at)
{
	return fails_fd("pwritev", fd) ? -1 : REAL(pwritev64)(fd, iov, n, at);
}

int ftruncate64(int fd, off64_t len)
{
	return fails_fd("ftruncate", fd) ? -1 : REAL(ftruncate64)(fd, len);
}

int fallocate64(int fd, int mode, off64_t at, off64_t len)
{
	return fails_fd("fallocate", fd) ? -1 : REAL(fallocate64)(fd, mode, at, len);
}

int fsync(int fd)
{
	return fails_fd("fsync", fd) ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
	return fails_fd("fdatasync", fd) ? -1 : REAL(fdatasync)(fd);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;

	va_start(ap, request);
	void *argument = va_arg(ap, void *);
	va_end(ap);
	return fails_fd("ioctl", fd) ? -1 : REAL(ioctl)(fd, request, argument);
}

ssize_t copy_file_range(
	int from, off64_t *in, int to, off64_t *out, size_t len, unsigned flags)
{
	return fails_fd("copy_file_range", to)
		? -1
		: REAL(copy_file_range)(from, in, to, out, len, flags);
}

ssize_t sendfile64(int to, int from, off64_t *at, size_t len)
{
	return fails_fd("sendfile", to) ? -1 : REAL(sendfile64)(to, from, at, len);
}

int lsetxattr(
	const char *path, const char *name, const void *value, size_t len, int flags)
{
	return fails("lsetxattr", path) ? -1
					: REAL(lsetxattr)(path, name, value, len, flags);
}

int mkdir(const char *path, mode_t mode)
{
	return fails("mkdir", path) ? -1 : REAL(mkdir)(path, mode);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
	return fails("mkdir", path) ? -1 : REAL(mkdirat)(dir, path, mode);
}

char *mkdtemp(char *path)
{
	return fails("mkdtemp", path) ? NULL : REAL(mkdtemp)(path);
}

int rename(const char *from, const char *to)
{
	return fails("rename", to) ? -1 : REAL(rename)(from, to);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return fails("rename", to) ? -1 : REAL(renameat)(from_dir, from, to_dir, to);
}

int renameat2(
	int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
	return fails("rename", to) ? -1
				   : REAL(renameat2)(from_dir, from, to_dir, to, flags);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	return fails("link", to) ? -1 : REAL(linkat)(from_dir, from, to_dir, to, flags);
}

int unlink(const char *path)
{
	return fails_removing("unlink", path) ? -1 : REAL(unlink)(path);
}

int unlinkat(int dir, const char *path, int flags)
{
	return fails_removing("unlink", path) ? -1 : REAL(unlinkat)(dir, path, flags);
}

int rmdir(const char *path)
{
	return fails_removing("rmdir", path) ? -1 : REAL(rmdir)(path);
}
