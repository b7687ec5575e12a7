/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A small root directory that a test fills with files, for code that takes a root:
 *
 *	struct fixture_root f;
 *	fixture_root_init(&f);
 *	fixture_root_write(&f, "var/lib/dpkg/status", "Package: …");
 *	… f.path …
 *	fixture_root_done(&f);
 */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"

struct fixture_root {
	char path[64];
};

static inline void fixture_root_check(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		abort();
	}
}

static inline void fixture_root_init(struct fixture_root *f)
{
	snprintf(f->path, sizeof(f->path), "/tmp/hypermin-test-XXXXXX");
	fixture_root_check(mkdtemp(f->path) ? 0 : -1, "mkdtemp");
}

static inline int fixture_root_remove_one(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void fixture_root_done(struct fixture_root *f)
{
	fixture_root_check(
		nftw(f->path, fixture_root_remove_one, 16, FTW_DEPTH | FTW_PHYS),
		f->path);
}

/* The whole path of a file below the root, all directories above it made. Caller
 * frees. */
static inline char *fixture_root_place(const struct fixture_root *f, const char *path)
{
	char *full = xasprintf("%s/%s", f->path, path);

	for (char *slash = full + strlen(f->path) + 1; (slash = strchr(slash, '/'));
		slash++) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	return full;
}

static inline void fixture_root_write_bytes(
	const struct fixture_root *f, const char *path, const void *data, size_t len)
{
	CLEANUP_FREE char *full = fixture_root_place(f, path);
	CLEANUP_CLOSE int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	fixture_root_check(fd, full);
	fixture_root_check(io_write_full(fd, data, len), full);
}

static inline void fixture_root_write(
	const struct fixture_root *f, const char *path, const char *text)
{
	fixture_root_write_bytes(f, path, text, strlen(text));
}

static inline void fixture_root_link(
	const struct fixture_root *f, const char *path, const char *target)
{
	CLEANUP_FREE char *full = fixture_root_place(f, path);

	fixture_root_check(symlink(target, full), full);
}

/* For each test of a program: *state is a fixture_root. */
static inline int fixture_root_setup(void **state)
{
	static struct fixture_root root;

	fixture_root_init(&root);
	*state = &root;
	return 0;
}

static inline int fixture_root_teardown(void **state)
{
	fixture_root_done(*state);
	return 0;
}
