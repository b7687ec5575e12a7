/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of `hypermin mkfs`, which become a request. The only look at the inputs is
 * whether there is a file with ":/" in its name. */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/quantity.h"
#include "mkfs.h"
#include "options/options.h"

/* ---- Inputs: NAME or NAME:/PLACE ---- */

static bool exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

static struct mkfs_input *add_input(struct mkfs_request *r, const char *value)
{
	const char *colon = NULL;

	for (const char *p = value; (p = strstr(p, ":/")); p++)
		colon = p;
	if (!colon || exists(value))
		colon = value + strlen(value);
	vector_push(&r->inputs,
		(struct mkfs_input){.path = xstrndup(value, colon - value),
			.at = xstrdup(*colon ? colon + 1 : "/")});
	return &r->inputs.items[r->inputs.len - 1];
}

static int take_tree(const struct option_row *row, void *target, const char *value)
{
	struct mkfs_input *input = add_input(target, value);

	input->kind = MKFS_TREE;
	if (*input->path == '\0')
		return options_complain(
			"--%s takes a directory, not '%s'", row->name, value);
	return 0;
}

static int take_tar(const struct option_row *row, void *target, const char *value)
{
	struct mkfs_request *r = target;
	struct mkfs_input *input = add_input(r, value);

	input->kind = strcmp(row->name, "layer") == 0 ? MKFS_LAYER : MKFS_ARCHIVE;
	if (*input->path == '\0')
		return options_complain(
			"--%s takes an archive, not '%s'", row->name, value);
	if (strcmp(input->path, "-") != 0)
		return 0;
	if (isatty(STDIN_FILENO))
		return options_complain(
			"--tar - reads an archive from standard input, which is a "
			"terminal; connect it to a file or a pipe");
	for (size_t i = 0; i + 1 < r->inputs.len; i++)
		if (r->inputs.items[i].kind != MKFS_TREE &&
			strcmp(r->inputs.items[i].path, "-") == 0)
			return options_complain("--tar - can be given once");
	return 0;
}

/* ---- The file system ---- */

static int take_block_size(const struct option_row *row, void *member, const char *value)
{
	uint32_t *block_size = member;
	uint64_t n;

	if (!quantity_parse_number(value, 1024, 4096, &n) || (n & (n - 1)))
		return options_complain(
			"--%s takes 1024, 2048 or 4096, not '%s'", row->name, value);
	*block_size = n;
	return 0;
}

static int take_label(const struct option_row *row, void *target, const char *value)
{
	struct mkfs_request *r = target;
	size_t len = strlen(value);

	if (len > sizeof(r->ext2.label))
		return options_complain("--%s takes up to %zu bytes, not %zu", row->name,
			sizeof(r->ext2.label), len);
	memset(r->ext2.label, 0, sizeof(r->ext2.label));
	memcpy(r->ext2.label, value, len);
	return 0;
}

static int hex_value(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	c |= 'a' - 'A';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 8-4-4-4-12 digits. */
static bool parse_uuid(const char *p, uint8_t ret[static 16])
{
	for (int i = 0; i < 16; i++, p += 2) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-')
			return false;
		int high = hex_value(p[0]);
		int low = high < 0 ? -1 : hex_value(p[1]);
		if (low < 0)
			return false;
		ret[i] = high << 4 | low;
	}
	return *p == '\0';
}

static int take_uuid(const struct option_row *row, void *target, const char *value)
{
	struct mkfs_request *r = target;

	if (!parse_uuid(value, r->ext2.uuid))
		return options_complain("--%s takes a UUID, not '%s'", row->name, value);
	r->ext2.have_uuid = true;
	return 0;
}

/* ---- What becomes of the files ---- */

/* A user's or group's number; (uid_t)-1 is none. */
static bool parse_id(const char *text, char end, const char **ret_end, uint32_t *ret)
{
	char *stop;

	errno = 0;
	unsigned long long n = strtoull(text, &stop, 10);
	if (errno || !isdigit((unsigned char)*text) || *stop != end || n >= UINT32_MAX)
		return false;
	*ret_end = stop + 1;
	*ret = n;
	return true;
}

static int parse_owner(const struct option_row *row, const char *value, uint32_t *ret_uid,
	uint32_t *ret_gid)
{
	const char *p = value;

	if (parse_id(p, ':', &p, ret_uid) && parse_id(p, '\0', &p, ret_gid))
		return 0;
	return options_complain(
		"--%s takes UID:GID, two numbers, not '%s'", row->name, value);
}

static int take_owner(const struct option_row *row, void *target, const char *value)
{
	struct mkfs_request *r = target;

	r->tree.set_owner = true;
	return parse_owner(row, value, &r->tree.uid, &r->tree.gid);
}

static int take_root_owner(const struct option_row *row, void *target, const char *value)
{
	struct mkfs_request *r = target;

	r->set_root_owner = true;
	return parse_owner(row, value, &r->root_uid, &r->root_gid);
}

static int take_root_mode(const struct option_row *row, void *target, const char *value)
{
	struct mkfs_request *r = target;

	if (value[strspn(value, "01234567")] || strlen(value) > 5 ||
		strtoul(value, NULL, 8) > 07777)
		return options_complain("--%s takes an octal number up to 7777, not '%s'",
			row->name, value);
	r->root_mode = strtoul(value, NULL, 8);
	r->set_root_mode = true;
	return 0;
}

static int take_clamp_mtime(const struct option_row *row, void *target, const char *value)
{
	struct mkfs_request *r = target;
	uint64_t seconds;

	if (!quantity_parse_number(value, 0, INT64_MAX, &seconds))
		return options_complain(
			"--%s takes a number of seconds since 1970, not '%s'", row->name,
			value);
	r->tree.mtime_max = (struct tree_time){.sec = seconds};
	r->tree.clamp_mtime = true;
	return 0;
}

#define AT(member) offsetof(struct mkfs_request, member)

static const struct option_row rows[] = {
	{OPTION_TEXT, "output", 'o', "FILE", "the image to write", AT(output)},
	{OPTION_TEXT, "serve", 0, "SOCKET",
		"write no image: serve it by NBD at this Unix socket, read-only",
		AT(serve)},
	{OPTION_COUNT, "verbose", 'v', NULL, "say what was made, and how long it took",
		AT(verbose)},
	{OPTION_FLAG, "quiet", 'q', NULL, "print no progress line", AT(quiet)},
	{OPTION_NUMBER, "workers", 0, "N", "threads that copy contents; default 2",
		AT(workers), .min = 1, .max = 256},
	{0},
};

static const struct option_row input_rows[] = {
	{OPTION_CALL, "tree", 0, "DIR[:AT]", "add a directory and everything in it",
		.take = take_tree},
	{OPTION_CALL, "tar", 0, "FILE[:AT]",
		"add a tar or cpio archive; - reads standard input", .take = take_tar},
	{OPTION_CALL, "layer", 0, "FILE[:AT]",
		"add a layer of a container image, applying its whiteouts",
		.take = take_tar},
	{OPTION_FLAG, "skip-unreadable", 0, NULL,
		"leave out what this user may not read, and list it",
		AT(tree.skip_unreadable)},
	{0},
};

static const struct option_row file_system_rows[] = {
	{OPTION_SIZE, "size", 0, "N[bKMGT]", "the image's size; default: just enough",
		AT(ext2.size)},
	{OPTION_SIZE, "free-space", 0, "N[bKMGT]",
		"without --size: how much space to leave free", AT(free_space)},
	{OPTION_NUMBER, "free-inodes", 0, "N",
		"without --size: how many inodes to leave free", AT(free_inodes)},
	{OPTION_CALL, "block-size", 0, "1024|2048|4096", "default 4096",
		AT(ext2.block_size), .take = take_block_size},
	{OPTION_CALL, "label", 0, "NAME", "up to 16 bytes", .take = take_label,
		.may_be_empty = true},
	{OPTION_CALL, "uuid", 0, "UUID", "default: made from names, metadata and options",
		.take = take_uuid},
	{0},
};

static const struct option_row metadata_rows[] = {
	{OPTION_CALL, "root-owner", 0, "UID:GID", "owner of the root directory",
		.take = take_root_owner},
	{OPTION_CALL, "root-mode", 0, "MODE", "permissions of the root directory, octal",
		.take = take_root_mode},
	{OPTION_CALL, "owner", 0, "UID:GID", "owner of every file", .take = take_owner},
	{OPTION_CALL, "clamp-mtime", 0, "SECONDS",
		"later times become this one, in seconds since 1970",
		.take = take_clamp_mtime},
	{0},
};

static const struct option_group groups[] = {
	{NULL, rows},
	{"Inputs", input_rows},
	{"The file system", file_system_rows},
	{"Owners, permissions and times", metadata_rows},
	{0},
};

static const struct options options = {
	.command = "hypermin mkfs",
	.usage =
		"Usage: hypermin mkfs [OPTION…] -o FILE\n"
		"       hypermin mkfs [OPTION…] --serve SOCKET\n"
		"\n"
		"Make an ext2 image from directory trees and archives, without root and without mounting.\n"
		"Inputs are merged in the order given: where two have a file of the same name, the later\n"
		"one wins. The same inputs and options give the same image, byte by byte.",
	.groups = groups,
	.hint = "inputs are given by --tree and --tar",
};

int mkfs_parse_options(int argc, char **argv, struct mkfs_request *ret)
{
	int first = options_parse(&options, argc, argv, ret);

	if (first == OPTIONS_HELPED)
		return 1;
	if (first < 0)
		return -1;
	if (!ret->output == !ret->serve)
		return options_complain(ret->output
				? "-o and --serve do not go together"
				: "no output is given; use -o FILE, or --serve SOCKET");
	if (ret->serve && ret->workers)
		return options_complain("--workers is for an image that is written");
	if (ret->ext2.size && (ret->free_space || ret->free_inodes))
		return options_complain(
			"--free-space and --free-inodes go without --size");
	ret->ext2.free_inodes = ret->free_inodes;
	return 0;
}

void mkfs_request_done(struct mkfs_request *r)
{
	vector_foreach (input, &r->inputs) {
		free(input->path);
		free(input->at);
	}
	vector_done(&r->inputs);
}
