/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Publishing in one step. An unnamed file (O_TMPFILE) vanishes with the process, even if
 * the process is killed. No call puts an unnamed file in place of another one, so it gets a
 * temporary name first and is then renamed. A file that had to have a name from the
 * beginning is removed by a signal handler, which can't help against SIGKILL.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

/* The file that the handler removes, unless the directory's descriptor is negative. */
static struct {
	volatile sig_atomic_t directory_fd;
	char name[64];
} abandoned = {.directory_fd = -1};

static const int ends[] = {SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGXCPU};

/* Remove the unfinished file, then die of the signal as if it had not been caught. */
static void on_end(int number)
{
	if (abandoned.directory_fd >= 0)
		unlinkat(abandoned.directory_fd, abandoned.name, 0);
	signal(number, SIG_DFL);
	raise(number);
}

static void block_ends(sigset_t *ret_before)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		sigaddset(&set, ends[i]);
	sigprocmask(SIG_BLOCK, &set, ret_before);
}

/* A signal that the caller ignores (nohup) stays ignored. */
static void catch_ends(void)
{
	const struct sigaction action = {.sa_handler = on_end};
	struct sigaction before;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (sigaction(ends[i], NULL, &before) == 0 &&
			before.sa_handler != SIG_IGN)
			sigaction(ends[i], &action, NULL);
}

/* ---- Opening ---- */

/* A symlink at the path's end is followed: its target is what the user means to
 * change. */
static char *resolve(const char *path, struct error *err)
{
	struct stat st;
	size_t len = strlen(path);

	if (strcmp(path, "-") == 0)
		return error_null(err, 0,
			"write the image to standard output: it is written out of order; "
			"name a file ('./-' for one of this name)");
	if (len == 0 || path[len - 1] == '/')
		return error_null(err, len ? EISDIR : ENOENT, "write '%s'", path);
	if (lstat(path, &st) < 0 || !S_ISLNK(st.st_mode))
		return xstrdup(path);
	char *target = realpath(path, NULL);
	return target ? target : error_null(err, errno, "follow the symlink '%s'", path);
}

static int check_old(const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT ? 0 : error_set(err, errno, "write '%s'", path);
	if (S_ISDIR(st.st_mode))
		return error_set(err, EISDIR, "write '%s'", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, 0,
			"write '%s': it is not a regular file; write the image to a file, "
			"then copy it",
			path);
	return 0;
}

static int open_directory(struct output *o, struct error *err)
{
	const char *slash = strrchr(o->path, '/');
	struct stat st;

	o->directory = !slash	   ? xstrdup(".")
		: slash == o->path ? xstrdup("/")
				   : xstrndup(o->path, slash - o->path);
	o->directory_fd = open(o->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (o->directory_fd < 0)
		return error_set(err, errno, "write '%s': open directory '%s'", o->path,
			o->directory);
	if (fstat(o->directory_fd, &st) == 0 && st.st_nlink == 0)
		return error_set(err, 0,
			"write '%s': its directory has been deleted; go to another one",
			o->path);
	return 0;
}

static void choose_name(struct output *o, int attempt)
{
	snprintf(o->temporary, sizeof(o->temporary), ".hypermin-%d-%d", (int)getpid(),
		attempt);
}

/* Try names until `make`, which returns 0 or a descriptor, finds one that is free. */
static int with_free_name(struct output *o, int (*make)(const struct output *o))
{
	int made = -1;

	for (int i = 0; i < 1000 && made < 0; i++) {
		choose_name(o, i);
		made = make(o);
		if (made < 0 && errno != EEXIST)
			break;
	}
	if (made < 0)
		o->temporary[0] = '\0';
	return made;
}

static int create_named(const struct output *o)
{
	return openat(o->directory_fd, o->temporary,
		O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

static int open_named(struct output *o)
{
	sigset_t before;

	block_ends(&before);
	int fd = with_free_name(o, create_named);
	if (fd >= 0) {
		memcpy(abandoned.name, o->temporary, sizeof(abandoned.name));
		abandoned.directory_fd = o->directory_fd;
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return fd;
}

static int open_unnamed(const struct output *o)
{
	/* linkat() needs /proc to give it a name. */
	if (access("/proc/self/fd", X_OK) < 0) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return openat(o->directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
}

static int open_file(struct output *o, struct error *err)
{
	o->fd = open_unnamed(o);
	/* Old kernels don't know O_TMPFILE and open the directory: EISDIR. */
	if (o->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
		o->fd = open_named(o);
	if (o->fd < 0)
		return error_set(err, errno, "create a file in '%s'", o->directory);
	return 0;
}

int output_open(const char *path, struct output *ret, struct error *err)
{
	struct output o = {.directory_fd = -1, .fd = -1};

	catch_ends();
	/* With RLIMIT_FSIZE writing then fails, with a message, instead of killing us. */
	signal(SIGXFSZ, SIG_IGN);
	o.path = resolve(path, err);
	if (o.path && check_old(o.path, err) == 0 && open_directory(&o, err) == 0 &&
		open_file(&o, err) == 0) {
		*ret = o;
		return 0;
	}
	output_done(&o);
	return -1;
}

/* ---- Where it is ---- */

bool output_is_inside(const struct output *o, const char *dir)
{
	struct stat wanted, here, below = {0};

	if (stat(dir, &wanted) < 0)
		return false;
	CLEANUP_CLOSE int fd =
		openat(o->directory_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && fstat(fd, &here) == 0 && !file_is_same(&here, &below)) {
		if (file_is_same(&here, &wanted))
			return true;
		below = here;
		int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = up;
	}
	return false;
}

/* ---- Publishing ---- */

static int link_unnamed(const struct output *o)
{
	char fd_path[40];

	snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", o->fd);
	return linkat(
		AT_FDCWD, fd_path, o->directory_fd, o->temporary, AT_SYMLINK_FOLLOW);
}

static int put_in_place(struct output *o, struct error *err)
{
	const char *slash = strrchr(o->path, '/');
	const char *name = slash ? slash + 1 : o->path;

	if (o->temporary[0] == '\0' && with_free_name(o, link_unnamed) < 0)
		return error_set(err, errno, "create a file in '%s'", o->directory);
	/* Some network file systems report a failed write only here. */
	if (close(TAKE_FD(o->fd)) < 0)
		return error_set(err, errno, "write '%s'", o->path);
	if (renameat(o->directory_fd, o->temporary, o->directory_fd, name) < 0)
		return error_set(err, errno, "create '%s'", o->path);
	o->temporary[0] = '\0';
	abandoned.directory_fd = -1;
	return 0;
}

int output_publish(struct output *o, struct error *err)
{
	sigset_t before;

	block_ends(&before);
	int result = put_in_place(o, err);
	if (result < 0)
		output_done(o);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return result;
}

void output_done(struct output *o)
{
	if (o->temporary[0]) {
		/* Full file systems may need its room to take away its name (fuse2fs). */
		(void)!ftruncate(o->fd, 0);
		unlinkat(o->directory_fd, o->temporary, 0);
	}
	abandoned.directory_fd = -1;
	if (o->fd >= 0)
		close(o->fd);
	if (o->directory_fd >= 0)
		close(o->directory_fd);
	free(o->path);
	free(o->directory);
	*o = (struct output){.directory_fd = -1, .fd = -1};
}
