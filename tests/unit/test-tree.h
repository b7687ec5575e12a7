/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tree's tests share: a scratch directory that a test runs in, and a tree
 * written out as text, one name a line, so that a test says the whole result it expects:
 *
 *	/usr/bin/sh -> dash		symlink
 *	/usr/bin/dash =text		regular file and its content ("=" alone: empty)
 *	/dev/				directory
 *	/dev/null c1:3			devices; "p" and "s" are pipes and sockets
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/strbuf.h"
#include "tree/tree.h"

extern char **environ;

static struct error err;

#define assert_ok(call)                                     \
	do {                                                \
		if ((call) != 0)                            \
			fail_msg("%s: %s", #call, err.msg); \
	} while (0)

#define assert_fails(call, text)                                       \
	do {                                                           \
		err.msg[0] = '\0';                                     \
		assert_int_equal((call), -1);                          \
		if (!strstr(err.msg, text))                            \
			fail_msg("'%s' is not in: %s", text, err.msg); \
	} while (0)

/* Skip a test that can't run here, saying why. */
#define skip_because(reason)                            \
	do {                                            \
		print_message("skipped: %s\n", reason); \
		skip();                                 \
	} while (0)

#define CLEANUP_TREE CLEANUP(cleanup_tree)
static inline void cleanup_tree(struct tree **t)
{
	tree_free(*t);
}

static inline int scratch_enter(void **state)
{
	char name[] = "/tmp/test-tree-XXXXXX";

	if (!mkdtemp(name) || chdir(name) < 0 || chmod(".", 0755) < 0)
		return -1;
	*state = xstrdup(name);
	return 0;
}

/* Run a program; its exit status, or -1 if there is none of the name. */
static inline int run(const char *const *argv)
{
	pid_t pid;
	int status;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, (char **)argv, environ))
		return -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static inline int scratch_leave(void **state)
{
	CLEANUP_FREE char *name = *state;

	return chdir("/") < 0 ? -1 : RUN("rm", "-rf", name);
}

#define scratch_test(fn) cmocka_unit_test_setup_teardown(fn, scratch_enter, scratch_leave)

static inline void write_file(const char *path, const char *text)
{
	CLEANUP_CLOSE int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
}

static inline void make_dir(const char *path)
{
	assert_int_equal(mkdir(path, 0755), 0);
}

static inline void make_link(const char *target, const char *path)
{
	assert_int_equal(symlink(target, path), 0);
}

static inline void add_text(struct tree *t, const char *path, const char *text)
{
	assert_ok(tree_add_file(t, path,
		&(struct tree_file){
			.mode = S_IFREG | 0644, .data = text, .len = strlen(text)},
		&err));
}

static inline void add_symlink(struct tree *t, const char *path, const char *target)
{
	assert_ok(tree_add_file(t, path,
		&(struct tree_file){
			.mode = S_IFLNK | 0777, .data = target, .len = strlen(target)},
		&err));
}

static inline void add_dir(struct tree *t, const char *path, uint32_t mode)
{
	assert_ok(tree_add_file(
		t, path, &(struct tree_file){.mode = S_IFDIR | mode}, &err));
}

/* A regular file's content, NUL-terminated. */
static inline char *content_of(const struct tree_inode *inode)
{
	CLEANUP_CLOSE int fd = -1;
	uint64_t offset;

	char *text = xcalloc(1, inode->size + 1);
	if (inode->content == TREE_CONTENT_MEMORY)
		return memcpy(text, tree_content_memory(inode), inode->size);
	if (inode->content == TREE_CONTENT_NONE || inode->all_hole)
		return text;
	assert_ok(tree_content_open(inode, &fd, &offset, &err));
	assert_int_equal(io_pread_full(fd, text, inode->size, offset), inode->size);
	assert_ok(tree_content_verify(inode, fd, &err));
	return text;
}

static inline void render_inode(struct strbuf *sb, const struct tree_inode *inode)
{
	if (S_ISLNK(inode->mode))
		strbuf_addf(sb, " -> %s", inode->target);
	if (S_ISREG(inode->mode)) {
		CLEANUP_FREE char *text = content_of(inode);
		strbuf_addf(sb, " =%s", text);
	}
	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		strbuf_addf(sb, " %c%u:%u", S_ISCHR(inode->mode) ? 'c' : 'b',
			inode->rdev_major, inode->rdev_minor);
	if (S_ISFIFO(inode->mode) || S_ISSOCK(inode->mode))
		strbuf_adds(sb, S_ISFIFO(inode->mode) ? " p" : " s");
	strbuf_addc(sb, '\n');
}

static inline void render_dir(
	struct strbuf *sb, const char *path, const struct tree_inode *dir)
{
	size_t n;
	const struct tree_entry *e = tree_dir_entries(dir, &n);

	for (size_t i = 0; i < n; i++) {
		CLEANUP_FREE char *child = xasprintf("%s/%s", path, e[i].name);
		strbuf_adds(sb, child);
		if (S_ISDIR(e[i].inode->mode)) {
			strbuf_adds(sb, "/\n");
			render_dir(sb, child, e[i].inode);
		} else {
			render_inode(sb, e[i].inode);
		}
	}
}

/* Finish the tree, and compare. */
static inline void assert_tree(struct tree *t, const char *expected)
{
	CLEANUP_STRBUF struct strbuf sb = {0};

	tree_finish(t);
	strbuf_adds(&sb, "");
	render_dir(&sb, "", tree_root(t));
	assert_string_equal(sb.data, expected);
}
