/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hostile guest: any requests to the server of shares, over a small tree in a temporary
 * directory. Whatever they do, nothing beside the tree is reached or changed, and each
 * reply has the form that the guest's kernel expects.
 *
 * A case is a list of requests: one byte is the opcode, one the node, two the length of
 * what follows them. Nodes and lengths are so made to be right more often than by chance;
 * INIT and a walk through the tree come first. An odd first byte: the share is read-only.
 */
#include <fcntl.h>
#include <ftw.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/strbuf.h"
#include "share/share.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char top[] = "/tmp/hypermin-fuzz-XXXXXX";
static char tree[sizeof(top) + 8];
static int top_fd;
/* What the root is named in the cases: what is beside it must stay as it is. */
static const char secret[] = "outside";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	/* A directory may have lost the right to be listed. */
	return ftw->level == 0 ? 0 : remove(path);
}

static void remove_top(void)
{
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	rmdir(top);
}

static void check(bool right)
{
	if (!right)
		abort();
}

static void write_file(const char *name, const char *text)
{
	CLEANUP_CLOSE int fd = openat(top_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	check(fd >= 0 && io_write_full(fd, text, strlen(text)) == 0);
}

static void make_tree(void)
{
	static bool made;
	/* No case fills the disk. */
	const struct rlimit limit = {1 << 20, 1 << 20};

	if (!made) {
		made = true;
		check(mkdtemp(top));
		atexit(remove_top);
		snprintf(tree, sizeof(tree), "%s/tree", top);
		top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		write_file("outside", secret);
		setrlimit(RLIMIT_FSIZE, &limit);
		signal(SIGXFSZ, SIG_IGN);
	}
	chmod(tree, 0755);
	nftw(tree, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	mkdirat(top_fd, "tree", 0755);
	check(mkdirat(top_fd, "tree/d", 0755) == 0);
	check(mkdirat(top_fd, "tree/d/e", 0755) == 0);
	write_file("tree/f", "content of f");
	write_file("tree/d/g", "content of g");
	check(symlinkat("../../outside", top_fd, "tree/d/l") == 0);
	check(mkfifoat(top_fd, "tree/p", 0644) == 0);
}

static void check_outside(void)
{
	CLEANUP_FREE char *text = NULL;
	struct error err;
	struct stat st;
	size_t len;

	check(io_read_file(top_fd, "outside", 100, &text, &len, &err) == 0);
	check(strcmp(text, secret) == 0);
	check(fstatat(top_fd, "outside", &st, 0) == 0 && (st.st_mode & 07777) == 0644 &&
		st.st_nlink == 1);
}

/* Each message whole, and never what is outside. */
static void check_output(struct share *s)
{
	size_t len;
	const char *out = share_output(s, &len);
	size_t all = len;

	while (len > 0) {
		struct fuse_out_header header;

		check(len >= sizeof(header));
		memcpy(&header, out, sizeof(header));
		check(header.len >= sizeof(header) && header.len <= len);
		check(header.unique ? header.error <= 0 && header.error > -4096
				    : header.error == FUSE_NOTIFY_INVAL_INODE);
		check(header.error == 0 || header.unique == 0 ||
			header.len == sizeof(header));
		check(header.len <= sizeof(header) + ATTACH_DATA_MAX);
		check(header.len != sizeof(header) + strlen(secret) ||
			memcmp(out + sizeof(header), secret, strlen(secret)) != 0);
		out += header.len;
		len -= header.len;
	}
	share_output_sent(s, all);
}

static void say(
	struct share *s, uint32_t opcode, uint64_t node, const void *body, size_t len)
{
	CLEANUP_STRBUF struct strbuf message = {0};
	const struct fuse_in_header header = {
		.len = sizeof(header) + len,
		.opcode = opcode,
		.unique = 2,
		.nodeid = node,
	};
	struct error err;

	strbuf_add(&message, &header, sizeof(header));
	if (len > 0)
		strbuf_add(&message, body, len);
	CLEANUP_FREE char *exact = xmemdup(message.data, message.len);
	check(share_take(s, exact, message.len, &err) == (ssize_t)message.len);
	check_output(s);
}

static void say_name(struct share *s, uint64_t node, const char *name)
{
	say(s, FUSE_LOOKUP, node, name, strlen(name) + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct fuse_init_in init = {.major = 7, .minor = 31, .flags = UINT32_MAX};
	const struct share_root_owner nobody = {0};
	struct share_directory directories[2];
	struct error err;

	make_tree();
	for (size_t i = 0; i < 2; i++) {
		directories[i] = (struct share_directory){
			.name = i ? "1" : "0",
			.mode = i || (size > 0 && data[0] & 1) ? SHARE_RO : SHARE_RW,
			.fd = open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC),
		};
	}
	struct share *s = share_new(directories, 2, &nobody, &err);
	check(s);
	/* The root is 1, the shares 2 and 3; what follows is the order of these. */
	say(s, FUSE_INIT, 0, &init, sizeof(init));
	say_name(s, 2, "d");
	say_name(s, 4, "e");
	say_name(s, 2, "f");
	say_name(s, 4, "g");
	say_name(s, 4, "l");
	say_name(s, 2, "p");
	for (size_t at = 1; at + 4 <= size;) {
		size_t len = data[at + 2] | data[at + 3] << 8;

		len = MIN(len, size - at - 4);
		say(s, data[at], data[at + 1], data + at + 4, len);
		at += 4 + len;
	}
	share_free(s);
	check_outside();
	for (size_t i = 0; i < 2; i++)
		close(directories[i].fd);
	return 0;
}
