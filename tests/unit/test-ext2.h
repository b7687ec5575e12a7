/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the ext2 writer's tests share: writing a tree to an image, and asking e2fsprogs
 * about it. On top of the tree's test helpers: a test runs in a scratch directory of its
 * own.
 */
#pragma once

#include "test-tree.h"

#include <inttypes.h>

#include "ext2/ext2.h"

#define IMAGE "image"

static const struct ext2_options ext2_defaults;

/* Plan and write the tree, which has been finished. 0, or -1 with a message in err. */
static inline int write_image(const struct tree *t, const struct ext2_options *options,
	const char *path, struct ext2_summary *ret_summary)
{
	CLEANUP_CLOSE int fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);
	struct ext2_plan *plan;

	assert_true(fd >= 0);
	if (ext2_plan_new(t, options, &plan, &err) < 0)
		return -1;
	if (ret_summary)
		ext2_plan_summary(plan, ret_summary);
	int r = ext2_emit(plan, fd, NULL, NULL, &err);
	ext2_plan_free(plan);
	return r;
}

/* Run a program and take what it prints, errors too. Its exit status, or -1 without
 * it. */
static inline int run_output(const char *const *argv, struct strbuf *out)
{
	posix_spawn_file_actions_t actions;
	int pipe_fds[2], status;
	pid_t pid;
	char chunk[4096];
	ssize_t n;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDERR_FILENO);
	int num = posix_spawnp(&pid, argv[0], &actions, NULL, (char **)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipe_fds[1]);
	if (num == 0) {
		while ((n = read(pipe_fds[0], chunk, sizeof(chunk))) > 0)
			strbuf_add(out, chunk, n);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	close(pipe_fds[0]);
	if (num != 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
#define RUN_OUTPUT(out, ...) run_output((const char *const[]){__VA_ARGS__, NULL}, out)

static inline bool have_e2fsprogs(void)
{
	CLEANUP_STRBUF struct strbuf out = {0};

	return RUN_OUTPUT(&out, "e2fsck", "-V") >= 0;
}

#define require_e2fsprogs()                                  \
	do {                                                 \
		if (!have_e2fsprogs())                       \
			skip_because("e2fsck is not there"); \
	} while (0)

/*
 * e2fsck finds nothing at all. Until 2242 it takes times after 2310 for a mistake that
 * old kernels made with those before 1970; so it is told that it is later.
 */
static inline void assert_clean(const char *image)
{
	CLEANUP_STRBUF struct strbuf out = {0};

	setenv("E2FSCK_TIME", "8589934593", 1);
	setenv("E2FSPROGS_FAKE_TIME", "8589934593", 1);
	if (RUN_OUTPUT(&out, "e2fsck", "-fn", image) != 0)
		fail_msg("e2fsck -fn: %s", out.data);
}

/* What a command of debugfs prints. The caller frees. */
static inline char *ask_debugfs(const char *image, const char *command)
{
	struct strbuf out = {0};

	assert_int_equal(RUN_OUTPUT(&out, "debugfs", "-R", command, image), 0);
	strbuf_adds(&out, "");
	return strbuf_detach(&out);
}

/* A debugfs command whose output holds that text. */
static inline void assert_debugfs(const char *command, const char *text)
{
	CLEANUP_FREE char *out = ask_debugfs(IMAGE, command);

	if (!strstr(out, text))
		fail_msg("debugfs %s: no '%s' in: %s", command, text, out);
}

/* Finish the tree, write IMAGE and have it checked. */
static inline void make_image(struct tree *t, const struct ext2_options *options,
	struct ext2_summary *ret_summary)
{
	tree_finish(t);
	assert_ok(write_image(t, options, IMAGE, ret_summary));
	assert_clean(IMAGE);
}
