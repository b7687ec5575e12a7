/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `hypermin mkfs`:
 *
 *	inputs ──► tree ──► plan ──► unnamed file beside the output ──► the output
 *
 * The output appears when it is whole. Contents of archives are unpacked to the output's
 * directory: there is room for the image, and from there blocks can be shared instead of
 * copied. With --serve there is no output: serve.c answers from the plan.
 */
#include "mkfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/hex.h"
#include "base/monotonic.h"
#include "confinement.h"
#include "output.h"
#include "progress.h"
#include "say.h"
#include "serve.h"

struct mkfs {
	const struct mkfs_request *request;
	/* The output, as messages call it. */
	const char *name;
	struct output output;
	struct tree *tree;
	struct ext2_plan *plan;
	struct ext2_emit_stats stats;
	struct strvec left_out;
	int64_t start_ms;
};

/* ---- Messages ---- */

static void say_summary(const struct mkfs *m)
{
	struct ext2_summary s;
	char uuid[UUID_TEXT_LEN + 1];

	ext2_plan_summary(m->plan, &s);
	say("'%s': %" PRIu64 " bytes, %" PRIu32 " block group%s", m->name, s.size,
		s.groups, s.groups == 1 ? "" : "s");
	say("%" PRIu64 " blocks of %" PRIu64 " bytes, %" PRIu64 " of them free", s.blocks,
		(uint64_t)s.block_size, s.free_blocks);
	say("%" PRIu32 " inodes, %" PRIu32 " of them free", s.inodes, s.free_inodes);
	uuid_format(s.uuid, uuid);
	say("UUID %s", uuid);
	if (m->request->serve)
		say("ready after %" PRId64 " ms", monotonic_ms() - m->start_ms);
	else
		say("contents: %" PRIu64 " bytes reflinked, %" PRIu64 " copied; %" PRId64
		    " ms in all",
			m->stats.reflinked, m->stats.copied,
			monotonic_ms() - m->start_ms);
}

static void on_skip(const char *path, const char *reason, void *data)
{
	struct mkfs *m = data;
	strvec_addf(&m->left_out, "left out '%s': %s", path, reason);
}

static void say_left_out(const struct mkfs *m)
{
	vector_foreach (line, &m->left_out)
		say("%s", *line);
	if (m->left_out.len)
		say("%zu unreadable files and directories were left out",
			m->left_out.len);
}

/* ---- Inputs ---- */

/* A server may run for long: not one in memory. */
static const char *temporary_directory(void)
{
	const char *named = getenv("TMPDIR");

	return named && *named ? named : "/var/tmp";
}

static int add_archive(struct mkfs *m, const struct mkfs_input *input, struct error *err)
{
	CLEANUP_CLOSE int fd = -1;
	struct tree_archive archive = {
		.fd = STDIN_FILENO,
		.name = "standard input",
		.at = input->at,
		.spool_dir =
			m->request->output ? m->output.directory : temporary_directory(),
		.is_layer = input->kind == MKFS_LAYER,
	};
	struct stat st;

	if (strcmp(input->path, "-") != 0) {
		archive.name = input->path;
		archive.fd = fd = open(input->path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) < 0)
			return error_set(err, errno, "open archive '%s'", input->path);
		if (S_ISDIR(st.st_mode))
			return error_set(err, EISDIR, "open archive '%s'", input->path);
	}
	return tree_add_archive(m->tree, &archive, err);
}

/* An image inside its own input would hold the previous image, and differ each time. */
static int check_place(
	const struct mkfs *m, const struct mkfs_input *input, struct error *err)
{
	if (input->kind != MKFS_TREE || !m->request->output ||
		!output_is_inside(&m->output, input->path))
		return 0;
	return error_set(err, 0,
		"the output '%s' lies in the input '%s', and would be put into itself; write it to "
		"another directory",
		m->request->output, input->path);
}

static int add_inputs(struct mkfs *m, struct error *err)
{
	vector_foreach (input, &m->request->inputs) {
		CLEANUP_FREE char *what = xasprintf("reading %s", input->path);
		if (check_place(m, input, err) < 0)
			return -1;
		progress_step(what);
		int result = input->kind == MKFS_TREE
			? tree_add_directory(m->tree, input->path, input->at, err)
			: add_archive(m, input, err);
		if (result < 0)
			return -1;
	}
	return 0;
}

static int make_tree(struct mkfs *m, struct error *err)
{
	const struct mkfs_request *r = m->request;
	struct tree_options options = r->tree;

	options.max_data = r->ext2.size;
	options.on_skip = on_skip;
	options.on_skip_data = m;
	m->tree = tree_new(&options);
	if (add_inputs(m, err) < 0)
		return -1;
	if (r->set_root_owner)
		tree_set_root_owner(m->tree, r->root_uid, r->root_gid);
	if (r->set_root_mode)
		tree_set_root_mode(m->tree, r->root_mode);
	tree_finish(m->tree);
	return 0;
}

/* ---- The image ---- */

/* Who may read all files that have contents, by the modes on the way to them: S_IRGRP, S_IROTH. A
 * directory comes before what is in it. */
static mode_t readers_of_all(const struct tree *tree)
{
	uint32_t n_inodes = tree_inode_count(tree);
	/* Who gets into each directory. */
	CLEANUP_FREE mode_t *reach = xcalloc(n_inodes, sizeof(*reach));
	mode_t all = S_IRGRP | S_IROTH;

	reach[0] = all;
	for (uint32_t i = 0; i < n_inodes && all; i++) {
		const struct tree_inode *dir = tree_inode_at(tree, i);
		size_t n;
		if (!S_ISDIR(dir->mode))
			continue;
		const struct tree_entry *entries = tree_dir_entries(dir, &n);
		mode_t within = reach[i] & (dir->mode & (S_IXGRP | S_IXOTH)) << 2;
		for (size_t k = 0; k < n; k++) {
			const struct tree_inode *inode = entries[k].inode;
			if (S_ISDIR(inode->mode))
				reach[inode->index] = within;
			else if (S_ISREG(inode->mode) && inode->size)
				all &= within & inode->mode;
		}
	}
	return all;
}

/* Who may not read one of its files may not read them all in the image. */
static int close_to_others(const struct mkfs *m, struct error *err)
{
	mode_t all = readers_of_all(m->tree);
	struct stat st;

	if (fstat(m->output.fd, &st) < 0 ||
		fchmod(m->output.fd, st.st_mode & (S_IRUSR | S_IWUSR | all | all >> 1)) <
			0)
		return error_set(
			err, errno, "set the permissions of '%s'", m->request->output);
	return 0;
}

static int make_plan(struct mkfs *m, struct error *err)
{
	struct ext2_options options = m->request->ext2;

	uint32_t block_size = options.block_size ? options.block_size : 4096;
	options.free_blocks = m->request->free_space / block_size +
		(m->request->free_space % block_size != 0);
	progress_step("planning the image");
	if (ext2_plan_new(m->tree, &options, &m->plan, err) < 0)
		return error_prefix(err, "'%s'", m->name);
	return 0;
}

static int write_image(struct mkfs *m, struct error *err)
{
	const struct ext2_emit_options emit = {
		.workers = m->request->workers, .progress = progress_share};

	progress_step("writing the image");
	progress_share_begin();
	if (ext2_emit(m->plan, m->output.fd, &emit, &m->stats, err) < 0)
		return error_prefix(err, "'%s'", m->name);
	if (close_to_others(m, err) < 0)
		return -1;
	return output_publish(&m->output, err);
}

/* What it is, once it is there. */
static void report(const struct mkfs *m)
{
	const struct mkfs_request *request = m->request;
	struct ext2_summary s;

	ext2_plan_summary(m->plan, &s);
	if (request->ext2.size && s.size != request->ext2.size)
		say("'%s' has %" PRIu64 " bytes, not %" PRIu64
		    ": it consists of blocks of %" PRIu32 " bytes",
			m->name, s.size, request->ext2.size, s.block_size);
	if (request->verbose)
		say_summary(m);
}

static void end_progress(struct mkfs *m)
{
	progress_end();
	say_left_out(m);
	strvec_done(&m->left_out);
}

static int make(struct mkfs *m, struct error *err)
{
	if (output_open(m->request->output, &m->output, err) < 0)
		return -1;
	int result = confinement_of_mkfs(m->request, m->output.directory, err);
	if (result == 0)
		result = make_tree(m, err);
	if (result == 0)
		result = make_plan(m, err);
	if (result == 0)
		result = write_image(m, err);
	output_done(&m->output);
	end_progress(m);
	if (result == 0)
		report(m);
	return result;
}

static void on_ready(void *data)
{
	struct mkfs *m = data;

	end_progress(m);
	report(m);
}

static int serve(struct mkfs *m, struct error *err)
{
	if (make_tree(m, err) < 0 || make_plan(m, err) < 0)
		return -1;
	return mkfs_serve(m->request, m->tree, m->plan, on_ready, m, err);
}

static int run(const struct mkfs_request *request)
{
	struct mkfs m = {.request = request,
		.name = request->serve ? request->serve : request->output,
		.start_ms = monotonic_ms()};
	struct error err = {0};

	if (!request->quiet)
		progress_start("mkfs");
	int result = request->serve ? serve(&m, &err) : make(&m, &err);
	if (result < 0) {
		end_progress(&m);
		say("%s", err.msg);
	}
	ext2_plan_free(m.plan);
	tree_free(m.tree);
	strvec_done(&m.left_out);
	return result < 0 ? MKFS_FAILED : 0;
}

int mkfs_main(int argc, char **argv)
{
	struct mkfs_request request = {0};
	int status = 0;

	say_as("mkfs");
	int parsed = mkfs_parse_options(argc, argv, &request);
	if (parsed < 0)
		status = MKFS_USAGE;
	else if (parsed == 0)
		status = run(&request);
	mkfs_request_done(&request);
	return status;
}
