/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hostile guest: any bytes as the stream of a copy, unpacked into a directory that has a link
 * outside. Whatever they do, nothing beside the directory is made, changed or linked to, and
 * no file under a name of our own is left behind.
 *
 * The first byte chooses how the copy is asked for.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/directory.h"
#include "base/io.h"
#include "base/remove.h"
#include "copy/copy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char top[] = "/tmp/hypermin-fuzz-XXXXXX";
static int top_fd;

static void check(bool right)
{
	if (!right)
		abort();
}

static void remove_top(void)
{
	remove_all(AT_FDCWD, top);
}

static void make_top(void)
{
	/* No case fills the disk. */
	const struct rlimit limit = {1 << 20, 1 << 20};

	check(mkdtemp(top));
	atexit(remove_top);
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(mkdirat(top_fd, "outside", 0700) == 0);
	check(mknodat(top_fd, "outside/f", S_IFREG | 0600, 0) == 0);
	setrlimit(RLIMIT_FSIZE, &limit);
	signal(SIGXFSZ, SIG_IGN);
}

/* What is outside has the same names, modes and links. */
static void check_outside(void)
{
	CLEANUP_STRVEC struct strvec names = {0}, inner = {0};
	struct stat st;

	check(directory_list(top_fd, ".", 0, &names) == 0);
	check(names.len == 2 && strcmp(names.items[0], "outside") == 0 &&
		strcmp(names.items[1], "to") == 0);
	check(directory_list(top_fd, "outside", 0, &inner) == 0 && inner.len == 1);
	check(fstatat(top_fd, "outside", &st, 0) == 0 && (st.st_mode & 07777) == 0700);
	check(fstatat(top_fd, "outside/f", &st, AT_SYMLINK_NOFOLLOW) == 0);
	check(st.st_mode == (S_IFREG | 0600) && st.st_nlink == 1 && st.st_size == 0);
}

static void check_tree(int dir_fd, const char *name)
{
	CLEANUP_STRVEC struct strvec names = {0};
	CLEANUP_CLOSE int fd =
		openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || directory_list(fd, ".", 0, &names) < 0)
		return;
	vector_foreach (item, &names) {
		struct stat st;

		check(strncmp(*item, ".hypermin-copy-", 15) != 0);
		check(fstatat(fd, *item, &st, AT_SYMLINK_NOFOLLOW) == 0);
		check((st.st_mode & (S_ISUID | S_ISGID)) == 0 && !S_ISCHR(st.st_mode) &&
			!S_ISBLK(st.st_mode));
		if (S_ISDIR(st.st_mode))
			check_tree(fd, *item);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_FREE char *dest = NULL;
	struct copy_unpack request = {.max_size = 1 << 20, .max_entries = 1000};
	struct error err;

	if (size == 0)
		return 0;
	if (!top_fd)
		make_top();
	check(mkdirat(top_fd, "to", 0700) == 0);
	check(symlinkat("../outside", top_fd, "to/link") == 0);
	check(mkdirat(top_fd, "to/d", 0700) == 0);
	dest = xasprintf("%s/to%s", top, data[0] & 1 ? "/new" : "");
	request.dest = dest;
	request.name = data[0] & 2 ? "name" : NULL;
	CLEANUP_CLOSE int fd = memfd_create("stream", MFD_CLOEXEC);
	check(fd >= 0 && io_pwrite_full(fd, data + 1, size - 1, 0) == 0);
	request.in_fd = fd;
	copy_unpack(&request, &err);
	check_outside();
	check_tree(top_fd, "to");
	remove_all(top_fd, "to");
	return 0;
}
