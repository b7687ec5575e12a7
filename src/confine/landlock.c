/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Landlock: the process opens the files that it needs, and no others; it connects to no TCP
 * port, listens at those that it needs, sends no signals, and connects to no abstract Unix
 * socket of other processes. What it has open already stays open, and the sockets of the
 * file system are for filter.c.
 *
 * The kernel's versions have more and more of this; what one has not, it can't be asked
 * for. linux/landlock.h is younger than some distributions, so its numbers are here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/layers.h"

#define SYS_CREATE_RULESET 444
#define SYS_ADD_RULE	   445
#define SYS_RESTRICT_SELF  446

#define ASK_VERSION 1
#define RULE_PATH   1
#define RULE_PORT   2

enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_DIR = 1 << 4,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_CHAR = 1 << 6,
	FS_MAKE_DIR = 1 << 7,
	FS_MAKE_REG = 1 << 8,
	FS_MAKE_SOCK = 1 << 9,
	FS_MAKE_FIFO = 1 << 10,
	FS_MAKE_BLOCK = 1 << 11,
	FS_MAKE_SYM = 1 << 12,
	FS_FIRST_VERSION = (1 << 13) - 1,
	FS_REFER = 1 << 13,	/* version 2 */
	FS_TRUNCATE = 1 << 14,	/* version 3 */
	FS_IOCTL_DEV = 1 << 15, /* version 5 */
	/* What a file can have that is no directory. */
	FS_OF_FILES =
		FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV,
	FS_CHANGE = FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE | FS_TRUNCATE |
		FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG |
		FS_MAKE_SOCK | FS_MAKE_FIFO | FS_MAKE_SYM | FS_REFER,
};

/* Version 4. */
enum { NET_BIND = 1 << 0, NET_CONNECT = 1 << 1 };

/* Version 6. */
enum { SCOPE_ABSTRACT_SOCKETS = 1 << 0, SCOPE_SIGNALS = 1 << 1 };

struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_rule {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

struct port_rule {
	uint64_t allowed, port;
};

static const uint64_t rights[] = {
	[CONFINE_READ] = FS_READ_FILE | FS_READ_DIR,
	[CONFINE_EXECUTE] = FS_READ_FILE | FS_READ_DIR | FS_EXECUTE,
	[CONFINE_WRITE] = FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV,
	[CONFINE_MAKE_FILES] =
		FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE | FS_MAKE_REG | FS_REMOVE_FILE,
	[CONFINE_CHANGE] = FS_CHANGE,
	[CONFINE_CHANGE_AND_DEVICES] = FS_CHANGE | FS_MAKE_CHAR | FS_MAKE_BLOCK,
};

static struct ruleset what_to_handle(const struct confine_needs *needs, long version)
{
	struct ruleset r = {.fs = FS_FIRST_VERSION};

	if (version >= 2)
		r.fs |= FS_REFER;
	if (version >= 3)
		r.fs |= FS_TRUNCATE;
	if (version >= 5)
		r.fs |= FS_IOCTL_DEV;
	if (version >= 4 && needs->network <= CONFINE_PORTS)
		r.net = NET_BIND | NET_CONNECT;
	if (version >= 6)
		r.scoped = SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS;
	return r;
}

static int add_path(
	int ruleset, const struct ruleset *handled, const struct confine_file *file)
{
	struct path_rule rule = {.allowed = rights[file->access] & handled->fs};
	struct stat st;
	int result = 0;

	rule.fd = file->fd < 0 ? open(file->path, O_PATH | O_CLOEXEC) : file->fd;
	/* What is not there needs no rule. */
	if (rule.fd < 0)
		return 0;
	if (fstat(rule.fd, &st) < 0 || !S_ISDIR(st.st_mode))
		rule.allowed &= FS_OF_FILES;
	/* Its size is asked for by an ioctl. */
	if (S_ISBLK(st.st_mode))
		rule.allowed |= FS_IOCTL_DEV & handled->fs;
	if (syscall(SYS_ADD_RULE, ruleset, RULE_PATH, &rule, 0) < 0)
		result = errno;
	if (file->fd < 0)
		close(rule.fd);
	/* A file without a place in a file system (memfd) may be opened in any case. */
	return result == EBADFD ? 0 : result;
}

static int add_rules(
	int ruleset, const struct ruleset *handled, const struct confine_needs *needs)
{
	int num;

	for (size_t i = 0; i < needs->files.len; i++)
		if ((num = add_path(ruleset, handled, &needs->files.items[i])))
			return num;
	for (size_t i = 0; handled->net && i < needs->ports.len; i++) {
		const struct port_rule rule = {NET_BIND, needs->ports.items[i]};
		if (syscall(SYS_ADD_RULE, ruleset, RULE_PORT, &rule, 0) < 0)
			return errno;
	}
	return 0;
}

int layer_restrict_files(const struct confine_needs *needs)
{
	long version = syscall(SYS_CREATE_RULESET, NULL, 0, ASK_VERSION);

	if (version < 0)
		return errno;
	/* Without FS_REFER no file can be moved from one directory to another. */
	for (size_t i = 0; version < 2 && i < needs->files.len; i++)
		if (needs->files.items[i].access >= CONFINE_CHANGE)
			return EXDEV;
	const struct ruleset handled = what_to_handle(needs, version);
	/* A kernel takes more members than it knows if they are 0. */
	int ruleset = syscall(SYS_CREATE_RULESET, &handled, sizeof(handled), 0);
	if (ruleset < 0)
		return errno;
	int num = add_rules(ruleset, &handled, needs);
	if (num == 0 && syscall(SYS_RESTRICT_SELF, ruleset, 0) < 0)
		num = errno;
	close(ruleset);
	return num;
}
