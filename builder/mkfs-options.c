/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of `hypermin mkfs`: from words to a request. Inputs are not looked at here,
 * but for one question: whether a name with ":/" in it is a file's own. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "cmd/options.h"
#include "mkfs.h"

static const char usage[] =
	"Usage: hypermin mkfs [OPTION…] -o FILE\n"
	"\n"
	"Make an ext2 image from directory trees and archives, without root and without mounting.\n"
	"Inputs are put into each other in the order given; where two have the same name, the later\n"
	"one wins. The same inputs and options give the same image.";

static int take_output(void *target, const char *value)
{
	struct mkfs_request *r = target;
	r->output = value;
	return 0;
}

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

static int take_tree(void *target, const char *value)
{
	struct mkfs_input *input = add_input(target, value);

	input->add = mkfs_add_tree;
	if (*input->path == '\0')
		return options_complain("--tree takes a directory, not '%s'", value);
	return 0;
}

static int take_tar(void *target, const char *value)
{
	struct mkfs_request *r = target;
	struct mkfs_input *input = add_input(r, value);

	input->add = mkfs_add_archive;
	if (*input->path == '\0')
		return options_complain("--tar takes an archive, not '%s'", value);
	if (strcmp(input->path, "-") != 0)
		return 0;
	if (isatty(STDIN_FILENO))
		return options_complain(
			"--tar - reads an archive from standard input, which is a "
			"terminal");
	for (size_t i = 0; i + 1 < r->inputs.len; i++)
		if (r->inputs.items[i].add == mkfs_add_archive &&
			strcmp(r->inputs.items[i].path, "-") == 0)
			return options_complain("--tar - can be given once");
	return 0;
}

/* ---- The file system ---- */

static int take_size(void *target, const char *value)
{
	struct mkfs_request *r = target;
	return options_size("size", value, &r->ext2.size);
}

static int take_free_space(void *target, const char *value)
{
	struct mkfs_request *r = target;
	return options_size("free-space", value, &r->free_space);
}

static int take_free_inodes(void *target, const char *value)
{
	struct mkfs_request *r = target;
	unsigned long n;

	if (options_number("free-inodes", value, 0, UINT32_MAX, &n) < 0)
		return -1;
	r->ext2.free_inodes = n;
	return 0;
}

static int take_block_size(void *target, const char *value)
{
	struct mkfs_request *r = target;
	unsigned long size;

	if (options_number("block-size", value, 1024, 4096, &size) < 0)
		return -1;
	if (size != 1024 && size != 2048 && size != 4096)
		return options_complain(
			"--block-size takes 1024, 2048 or 4096, not '%s'", value);
	r->ext2.block_size = size;
	return 0;
}

static int take_label(void *target, const char *value)
{
	struct mkfs_request *r = target;
	size_t len = strlen(value);

	if (len > sizeof(r->ext2.label))
		return options_complain("--label takes up to %zu bytes, not %zu",
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

static int take_uuid(void *target, const char *value)
{
	struct mkfs_request *r = target;

	if (!parse_uuid(value, r->ext2.uuid))
		return options_complain("--uuid takes a UUID, not '%s'", value);
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

static int parse_owner(
	const char *option, const char *value, uint32_t *ret_uid, uint32_t *ret_gid)
{
	const char *p = value;

	if (parse_id(p, ':', &p, ret_uid) && parse_id(p, '\0', &p, ret_gid))
		return 0;
	return options_complain(
		"--%s takes UID:GID, two numbers, not '%s'", option, value);
}

static int take_owner(void *target, const char *value)
{
	struct mkfs_request *r = target;
	r->tree.set_owner = true;
	return parse_owner("owner", value, &r->tree.uid, &r->tree.gid);
}

static int take_root_owner(void *target, const char *value)
{
	struct mkfs_request *r = target;
	r->set_root_owner = true;
	return parse_owner("root-owner", value, &r->root_uid, &r->root_gid);
}

static int take_root_mode(void *target, const char *value)
{
	struct mkfs_request *r = target;

	if (*value == '\0' || value[strspn(value, "01234567")] || strlen(value) > 5 ||
		strtoul(value, NULL, 8) > 07777)
		return options_complain(
			"--root-mode takes an octal number up to 7777, not '%s'", value);
	r->root_mode = strtoul(value, NULL, 8);
	r->set_root_mode = true;
	return 0;
}

static int take_clamp_mtime(void *target, const char *value)
{
	struct mkfs_request *r = target;
	unsigned long seconds;

	if (options_number("clamp-mtime", value, 0, LONG_MAX, &seconds) < 0)
		return -1;
	r->tree.mtime_max = (struct tree_time){.sec = seconds};
	r->tree.clamp_mtime = true;
	return 0;
}

static int take_skip_unreadable(void *target, const char *value)
{
	struct mkfs_request *r = target;
	(void)value;
	r->tree.skip_unreadable = true;
	return 0;
}

/* ---- How it is done ---- */

static int take_workers(void *target, const char *value)
{
	struct mkfs_request *r = target;
	unsigned long workers;

	if (options_number("workers", value, 1, 256, &workers) < 0)
		return -1;
	r->workers = workers;
	return 0;
}

static int take_quiet(void *target, const char *value)
{
	struct mkfs_request *r = target;
	(void)value;
	r->quiet = true;
	return 0;
}

static int take_verbose(void *target, const char *value)
{
	struct mkfs_request *r = target;
	(void)value;
	r->verbose = true;
	return 0;
}

static const struct option_row table[] = {
	{"output", 'o', "FILE", "the image", take_output},
	{"tree", 0, "DIR[:AT]", "put in a directory with all that is in it", take_tree},
	{"tar", 0, "FILE[:AT]", "put in a tar or cpio archive; - reads standard input",
		take_tar},
	{"size", 0, "N[bKMGT]", "the image's size; default: as small as it can be",
		take_size},
	{"free-space", 0, "N[bKMGT]", "without --size: space to leave free",
		take_free_space},
	{"free-inodes", 0, "N", "without --size: inodes to leave free", take_free_inodes},
	{"block-size", 0, "1024|2048|4096", "default 4096", take_block_size},
	{"label", 0, "NAME", "up to 16 bytes", take_label},
	{"uuid", 0, "UUID", "default: made from the contents", take_uuid},
	{"root-owner", 0, "UID:GID", "owner of the root directory", take_root_owner},
	{"root-mode", 0, "MODE", "permissions of the root directory, octal",
		take_root_mode},
	{"owner", 0, "UID:GID", "owner of every file", take_owner},
	{"clamp-mtime", 0, "SECONDS",
		"later times become this one, in seconds since 1970", take_clamp_mtime},
	{"skip-unreadable", 0, NULL, "leave out and list what this user may not read",
		take_skip_unreadable},
	{"workers", 0, "N", "threads that copy contents; default 2", take_workers},
	{"quiet", 'q', NULL, "no progress line", take_quiet},
	{"verbose", 'v', NULL, "say what was made, and how long it took", take_verbose},
	{0},
};

static int check_request(const struct mkfs_request *r)
{
	if (!r->output)
		return options_complain("no output is given; use -o FILE");
	if (r->ext2.size && (r->free_space || r->ext2.free_inodes))
		return options_complain(
			"--free-space and --free-inodes go without --size");
	return 0;
}

int mkfs_parse_options(int argc, char **argv, struct mkfs_request *ret)
{
	int first = options_parse("mkfs", usage, table, argc, argv, ret);

	if (first == 0)
		return 1;
	if (first < 0)
		return -1;
	if (first < argc)
		return options_complain(
			"'%s' is no option; inputs are given by --tree and --tar",
			argv[first]);
	return check_request(ret);
}

void mkfs_request_done(struct mkfs_request *r)
{
	vector_foreach (input, &r->inputs) {
		free(input->path);
		free(input->at);
	}
	vector_done(&r->inputs);
}
