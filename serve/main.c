/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program that serves a directory of the host as a disk of a VM; src/serve/serve.h says how.
 * hypermin starts it, one for each such directory:
 *
 *	hypermin-serve [--verbose] SOCKET DIRECTORY PATH
 *
 * SOCKET and DIRECTORY are descriptors that it inherits, and PATH is for messages. What this user
 * may not read is left out. It ends when the socket does.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/kernel-fs.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "base/quantity.h"
#include "base/strbuf.h"
#include "ext2/ext2.h"
#include "serve/serve.h"
#include "tree/tree.h"

/* So many files are named that are left out; the others are counted. */
#define NAMED_MAX 20

struct input {
	const char *path;
	int fd;
	/* Files that can't be read. */
	unsigned left_out;
};

/* One call a line: qemu writes to the same channel. src/vm/served.h has the prefixes. */
static void print_log(enum log_level level, const char *line, void *data)
{
	CLEANUP_FREE char *text = xasprintf("hypermin-serve: %s%s\n",
		level == LOG_LEVEL_WARNING ? "warning: " : "", line);

	(void)data;
	fputs(text, stderr);
}

static void on_skip(const char *path, const char *reason, void *data)
{
	struct input *input = data;

	if (input->left_out++ < NAMED_MAX)
		log_info("left out '%s': %s", path, reason);
}

static int make_tree(struct input *input, struct tree **ret, struct error *err)
{
	const struct tree_options options = {.skip_unreadable = true,
		.skip_kernel_fs = true,
		.on_skip = on_skip,
		.on_skip_data = input};

	if (kernel_fs_is(input->fd))
		return error_set(err, 0,
			"it belongs to a file system of the kernel (such as proc or sysfs), "
			"which can't be shared");
	struct tree *t = tree_new(&options);

	if (tree_add_open_directory(t, input->fd, input->path, "/", err) < 0) {
		tree_free(t);
		return -1;
	}
	tree_finish(t);
	*ret = t;
	return 0;
}

static void say_ready(const struct input *input, const struct tree *tree,
	const struct ext2_plan *plan, int64_t start_ms)
{
	struct ext2_summary s;

	ext2_plan_summary(plan, &s);
	if (input->left_out)
		log_warning(
			"of '%s', %u files and directories that can't be read are left "
			"out (-v names them)",
			input->path, input->left_out);
	log_info(
		"'%s' is served as a disk of %" PRIu32 " files and %" PRIu64
		" MiB, since :served asks for one; nothing is copied. Ready after %" PRId64
		" ms",
		input->path, tree_inode_count(tree), s.size >> 20,
		monotonic_ms() - start_ms);
}

static int run(int socket, struct input *input, struct error *err)
{
	int64_t start_ms = monotonic_ms();
	const struct ext2_options options = {0};
	struct ext2_plan *plan;
	struct tree *tree;

	if (make_tree(input, &tree, err) < 0)
		return -1;
	int result = ext2_plan_new(tree, &options, &plan, err);
	if (result == 0) {
		struct serve *s = serve_new(tree, plan);
		say_ready(input, tree, plan, start_ms);
		result = serve_client(s, socket, err);
		serve_free(s);
		ext2_plan_free(plan);
	}
	tree_free(tree);
	return result;
}

static int usage(void)
{
	fprintf(stderr,
		"hypermin-serve: hypermin starts this program; its arguments are "
		"[--verbose] SOCKET DIRECTORY PATH\n");
	return 2;
}

/* The VM may outlive a Ctrl-C. */
static void ignore_signals(void)
{
	static const int ignored[] = {
		SIGPIPE, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGHUP};

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
}

int main(int argc, char **argv)
{
	bool verbose = argc > 1 && strcmp(argv[1], "--verbose") == 0;
	struct error err = {0};
	uint64_t socket, fd;

	argv += verbose;
	argc -= verbose;
	if (argc != 4 || !quantity_parse_number(argv[1], 0, INT32_MAX, &socket) ||
		!quantity_parse_number(argv[2], 0, INT32_MAX, &fd))
		return usage();
	ignore_signals();
	log_set_handler(print_log, NULL, verbose ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING);
	struct input input = {.path = argv[3], .fd = fd};
	if (run(socket, &input, &err) == 0)
		return 0;
	fprintf(stderr, "hypermin-serve: error: share '%s': %s\n", input.path, err.msg);
	return 1;
}
