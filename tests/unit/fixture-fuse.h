/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest's kernel for tests of the server of shares: requests go in, the reply comes out.
 *
 *	struct fixture_fuse f;
 *	fuse_setup(&f, SHARE_RO);		the fixture root is share "0"
 *	fuse_lookup(&f, fuse_share(&f), "file", &entry);
 *	assert_int_equal(fuse_call(&f, FUSE_READLINK, entry.nodeid, NULL, 0, NULL), 0);
 *	… f.reply, f.reply_len …
 *	fuse_teardown(&f);
 */
#pragma once

#include <errno.h>
#include <linux/fuse.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "share/share.h"

#include "fixture-root.h"

#define FUSE_SHARES_MAX 4

struct fixture_fuse {
	struct fixture_root root;
	struct share_directory directories[FUSE_SHARES_MAX];
	size_t count;
	struct share *s;
	uint64_t unique;
	/* Who calls. */
	uint32_t uid, gid;
	/* What came last, behind its header. */
	char *reply;
	size_t reply_len;
	/* The message behind that reply, if there was one. */
	int notified;
};

/* Messages to the server: the struct, the strings with their NULs, the data. */
static inline void fuse_message(struct strbuf *to, const struct fixture_fuse *f,
	uint32_t opcode, uint64_t node, const void *in, size_t in_len, const void *rest,
	size_t rest_len)
{
	struct fuse_in_header header = {
		.len = sizeof(header) + in_len + rest_len,
		.opcode = opcode,
		.unique = f->unique,
		.nodeid = node,
		.uid = f->uid,
		.gid = f->gid,
	};

	strbuf_add(to, &header, sizeof(header));
	strbuf_add(to, in, in_len);
	strbuf_add(to, rest, rest_len);
}

/* One request, and its reply if there is one: 0, or a negative errno. */
static inline int fuse_call_data(struct fixture_fuse *f, uint32_t opcode, uint64_t node,
	const void *in, size_t in_len, const void *rest, size_t rest_len)
{
	CLEANUP_STRBUF struct strbuf message = {0};
	struct fuse_out_header header = {0};
	struct error err = {0};
	const char *out;
	size_t len;

	f->unique += 2;
	fuse_message(&message, f, opcode, node, in, in_len, rest, rest_len);
	/* Of the exact size: a sanitizer then sees each byte too far. */
	CLEANUP_FREE char *exact = xmemdup(message.data, message.len);
	assert_int_equal(share_take(f->s, exact, message.len, &err), message.len);
	out = share_output(f->s, &len);
	free(f->reply);
	f->reply = NULL;
	f->reply_len = 0;
	f->notified = 0;
	if (len > 0) {
		assert_true(len >= sizeof(header));
		memcpy(&header, out, sizeof(header));
		assert_int_equal(header.unique, f->unique);
		assert_true(header.len <= len);
		f->reply_len = header.len - sizeof(header);
		f->reply = xmemdup(out + sizeof(header), f->reply_len);
		if (header.len < len) {
			struct fuse_out_header second;

			memcpy(&second, out + header.len, sizeof(second));
			assert_int_equal(header.len + second.len, len);
			assert_int_equal(second.unique, 0);
			f->notified = second.error;
		}
		share_output_sent(f->s, len);
	}
	if (header.error)
		assert_int_equal(f->reply_len, 0);
	return header.error;
}

static inline int fuse_call(struct fixture_fuse *f, uint32_t opcode, uint64_t node,
	const void *in, size_t in_len, const char *name)
{
	return fuse_call_data(
		f, opcode, node, in, in_len, name, name ? strlen(name) + 1 : 0);
}

/* With two strings, as RENAME and SYMLINK have them. */
static inline int fuse_call_two(struct fixture_fuse *f, uint32_t opcode, uint64_t node,
	const void *in, size_t in_len, const char *first, const char *second)
{
	CLEANUP_STRBUF struct strbuf names = {0};

	strbuf_add(&names, first, strlen(first) + 1);
	strbuf_add(&names, second, strlen(second) + 1);
	return fuse_call_data(f, opcode, node, in, in_len, names.data, names.len);
}

/* The reply as a struct, which it has to be whole. */
#define fuse_reply(f, ret)                                        \
	do {                                                      \
		assert_int_equal((f)->reply_len, sizeof(*(ret))); \
		memcpy((ret), (f)->reply, sizeof(*(ret)));        \
	} while (0)

static inline void fuse_init(struct fixture_fuse *f)
{
	const struct fuse_init_in in = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = 65536,
		.flags = UINT32_MAX,
	};
	struct fuse_init_out out;

	assert_int_equal(fuse_call(f, FUSE_INIT, 0, &in, sizeof(in), NULL), 0);
	fuse_reply(f, &out);
	assert_int_equal(out.max_write, ATTACH_DATA_MAX);
}

/* Add a share of a directory. */
static inline void fuse_add(
	struct fixture_fuse *f, const char *path, enum share_mode mode)
{
	static const char *const names[FUSE_SHARES_MAX] = {"0", "1", "2", "3"};
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	fixture_root_check(fd, path);
	f->directories[f->count] =
		(struct share_directory){.name = names[f->count], .mode = mode, .fd = fd};
	f->count++;
}

static inline void fuse_start(
	struct fixture_fuse *f, const struct share_root_owner *owner)
{
	static const struct share_root_owner nobody;
	struct error err = {0};

	umask(0);
	f->s = share_new(f->directories, f->count, owner ? owner : &nobody, &err);
	if (!f->s)
		fail_msg("%s", err.msg);
	fuse_init(f);
}

static inline void fuse_setup(struct fixture_fuse *f, enum share_mode mode)
{
	*f = (struct fixture_fuse){.uid = geteuid(), .gid = getegid()};
	fixture_root_init(&f->root);
	fuse_add(f, f->root.path, mode);
	fuse_start(f, NULL);
}

static inline void fuse_stop(struct fixture_fuse *f)
{
	share_free(f->s);
	f->s = NULL;
	free(f->reply);
	f->reply = NULL;
}

static inline void fuse_teardown(struct fixture_fuse *f)
{
	fuse_stop(f);
	for (size_t i = 0; i < f->count; i++)
		close(f->directories[i].fd);
	fixture_root_done(&f->root);
}

static inline int fuse_lookup(struct fixture_fuse *f, uint64_t node, const char *name,
	struct fuse_entry_out *ret)
{
	int result = fuse_call(f, FUSE_LOOKUP, node, NULL, 0, name);

	if (result == 0)
		fuse_reply(f, ret);
	return result;
}

/* The node of something that is there. */
static inline uint64_t fuse_node(struct fixture_fuse *f, uint64_t node, const char *name)
{
	struct fuse_entry_out entry;

	assert_int_equal(fuse_lookup(f, node, name, &entry), 0);
	assert_int_not_equal(entry.nodeid, 0);
	return entry.nodeid;
}

static inline uint64_t fuse_share(struct fixture_fuse *f)
{
	return fuse_node(f, FUSE_ROOT_ID, "0");
}

static inline int fuse_open_as(struct fixture_fuse *f, uint32_t opcode, uint64_t node,
	uint32_t flags, struct fuse_open_out *ret)
{
	const struct fuse_open_in in = {.flags = flags};
	int result = fuse_call(f, opcode, node, &in, sizeof(in), NULL);

	if (result == 0)
		fuse_reply(f, ret);
	return result;
}

static inline int fuse_open(
	struct fixture_fuse *f, uint64_t node, uint32_t flags, uint64_t *ret_fh)
{
	struct fuse_open_out out;
	int result = fuse_open_as(f, FUSE_OPEN, node, flags, &out);

	if (result == 0)
		*ret_fh = out.fh;
	return result;
}

/* FUSE_READ, READDIR or READDIRPLUS. */
static inline int fuse_read_as(struct fixture_fuse *f, uint32_t opcode, uint64_t node,
	uint64_t fh, uint64_t offset, uint32_t size)
{
	const struct fuse_read_in in = {.fh = fh, .offset = offset, .size = size};

	return fuse_call(f, opcode, node, &in, sizeof(in), NULL);
}

static inline int fuse_read(struct fixture_fuse *f, uint64_t node, uint64_t fh,
	uint64_t offset, uint32_t size)
{
	return fuse_read_as(f, FUSE_READ, node, fh, offset, size);
}

static inline int fuse_release(struct fixture_fuse *f, uint64_t node, uint64_t fh)
{
	const struct fuse_release_in in = {.fh = fh};

	return fuse_call(f, FUSE_RELEASE, node, &in, sizeof(in), NULL);
}

static inline int fuse_getattr(
	struct fixture_fuse *f, uint64_t node, struct fuse_attr_out *ret)
{
	const struct fuse_getattr_in in = {0};
	int result = fuse_call(f, FUSE_GETATTR, node, &in, sizeof(in), NULL);

	if (result == 0)
		fuse_reply(f, ret);
	return result;
}

static inline void fuse_forget(struct fixture_fuse *f, uint64_t node, uint64_t times)
{
	const struct fuse_forget_in in = {.nlookup = times};

	assert_int_equal(fuse_call(f, FUSE_FORGET, node, &in, sizeof(in), NULL), 0);
	assert_int_equal(f->reply_len, 0);
}

/* The path of a file of the share, on the host. Caller frees. */
static inline char *fuse_path(const struct fixture_fuse *f, const char *name)
{
	return xasprintf("%s/%s", f->root.path, name);
}

/* For each test of a program: *state is a fixture_fuse with one share. */
static inline int fuse_setup_mode(void **state, enum share_mode mode)
{
	static struct fixture_fuse f;

	fuse_setup(&f, mode);
	*state = &f;
	return 0;
}

static inline int fuse_setup_ro(void **state)
{
	return fuse_setup_mode(state, SHARE_RO);
}

static inline int fuse_setup_rw(void **state)
{
	return fuse_setup_mode(state, SHARE_RW);
}

static inline int fuse_teardown_state(void **state)
{
	fuse_teardown(*state);
	return 0;
}
