/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest that does not keep to the protocol, and the socket that it comes by. */
#include <sys/socket.h>

#include "share/server.h"

#include "fixture-fuse.h"

static void malformed_requests_are_errors(void **state)
{
	static const char *const names[] = {
		"", ".", "..", "a/b", "/", "/etc", "../x", "a/"};
	struct fixture_fuse *f = *state;
	uint64_t share = fuse_share(f), fh;
	struct fuse_open_out dir;

	fixture_root_write(&f->root, "file", "hello");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct fuse_mkdir_in in = {.mode = 0755};

		assert_int_equal(
			fuse_call(f, FUSE_LOOKUP, share, NULL, 0, names[i]), -EINVAL);
		assert_int_equal(
			fuse_call(f, FUSE_MKDIR, share, &in, sizeof(in), names[i]),
			-EINVAL);
		assert_int_equal(
			fuse_call(f, FUSE_UNLINK, share, NULL, 0, names[i]), -EINVAL);
		assert_int_equal(
			fuse_call_two(f, FUSE_SYMLINK, share, NULL, 0, names[i], "x"),
			-EINVAL);
		assert_int_equal(
			fuse_call_two(f, FUSE_RENAME, share, &share, 8, "file", names[i]),
			-EINVAL);
	}
	/* No NUL, and no name. */
	assert_int_equal(
		fuse_call_data(f, FUSE_LOOKUP, share, NULL, 0, "file", 4), -EINVAL);
	assert_int_equal(
		fuse_call_data(f, FUSE_LOOKUP, share, NULL, 0, NULL, 0), -EINVAL);
	assert_int_equal(
		fuse_call_data(f, FUSE_SYMLINK, share, NULL, 0, "a\0b", 3), -EINVAL);
	/* Structs that are too short. */
	for (uint32_t opcode = 0; opcode < 100; opcode++) {
		int result = fuse_call_data(f, opcode, share, NULL, 0, "123", 3);

		if (result == 0 && f->reply_len > 0)
			assert_true(opcode == FUSE_STATFS);
		if (opcode == FUSE_DESTROY)
			fuse_init(f);
		share = fuse_share(f);
	}
	uint64_t n = fuse_node(f, share, "file");
	assert_int_equal(fuse_open(f, n, O_RDWR, &fh), 0);
	const struct fuse_write_in write = {.fh = fh, .size = 10};
	assert_int_equal(
		fuse_call_data(f, FUSE_WRITE, n, &write, sizeof(write), "123", 3),
		-EINVAL);
	const struct fuse_write_in far = {.fh = fh, .size = 3, .offset = UINT64_MAX - 1};
	assert_int_equal(
		fuse_call_data(f, FUSE_WRITE, n, &far, sizeof(far), "123", 3), -EINVAL);
	assert_int_equal(fuse_read(f, n, fh, 0, ATTACH_DATA_MAX + 1), -EINVAL);
	assert_int_equal(fuse_read(f, n, fh, UINT64_MAX, 1), -EINVAL);
	assert_int_equal(fuse_read(f, n, fh, 0, ATTACH_DATA_MAX), 0);
	assert_int_equal(f->reply_len, 5);
	/* Handles of another kind, and none. */
	assert_int_equal(fuse_open_as(f, FUSE_OPENDIR, share, 0, &dir), 0);
	assert_int_equal(fuse_read(f, share, dir.fh, 0, 10), -EBADF);
	assert_int_equal(fuse_read_as(f, FUSE_READDIR, n, fh, 0, 4096), -EBADF);
	assert_int_equal(fuse_read(f, n, UINT64_MAX, 0, 10), -EBADF);
	assert_int_equal(
		fuse_read_as(f, FUSE_READDIR, share, dir.fh, UINT64_MAX, 4096), -EINVAL);
	/* Nodes that there are none of. */
	assert_int_equal(fuse_call(f, FUSE_LOOKUP, 0, NULL, 0, "x"), -ESTALE);
	assert_int_equal(fuse_call(f, FUSE_LOOKUP, UINT64_MAX, NULL, 0, "x"), -ESTALE);
	/* A batch that says it is longer than it is. */
	const struct fuse_batch_forget_in batch = {.count = UINT32_MAX};
	assert_int_equal(
		fuse_call_data(f, FUSE_BATCH_FORGET, 0, &batch, sizeof(batch), "12", 2),
		0);
	assert_int_equal(f->reply_len, 0);
}

static void what_is_not_served_says_so(void **state)
{
	static const uint32_t opcodes[] = {FUSE_FLUSH, FUSE_ACCESS, FUSE_IOCTL, FUSE_POLL,
		FUSE_BMAP, FUSE_GETLK, FUSE_SETLK, FUSE_SETLKW, FUSE_COPY_FILE_RANGE,
		FUSE_SETUPMAPPING, 0, 1000, UINT32_MAX};
	struct fixture_fuse *f = *state;
	const char zeros[64] = {0};

	for (size_t i = 0; i < ARRAY_SIZE(opcodes); i++)
		assert_int_equal(
			fuse_call(f, opcodes[i], FUSE_ROOT_ID, zeros, 64, NULL), -ENOSYS);
	assert_int_equal(fuse_call(f, FUSE_INTERRUPT, 0, zeros, 8, NULL), 0);
	assert_int_equal(f->reply_len, 0);
}

static int init(struct fixture_fuse *f, uint32_t major, uint32_t minor, uint32_t flags,
	struct fuse_init_out *ret)
{
	const struct fuse_init_in in = {.major = major, .minor = minor, .flags = flags};
	/* As it was before minor 36. */
	int result = fuse_call(f, FUSE_INIT, 0, &in, 16, NULL);

	if (result == 0)
		fuse_reply(f, ret);
	return result;
}

static void versions_are_agreed_on(void **state)
{
	struct fixture_fuse *f = *state;
	struct fuse_init_out out;
	struct fuse_attr_out attr;
	uint64_t share = fuse_share(f);

	assert_int_equal(fuse_call(f, FUSE_DESTROY, 0, NULL, 0, NULL), 0);
	/* Nothing goes without INIT. */
	assert_int_equal(fuse_getattr(f, FUSE_ROOT_ID, &attr), -EIO);
	assert_int_equal(init(f, 7, 26, 0, &out), -EPROTO);
	assert_int_equal(init(f, 6, 40, 0, &out), -EPROTO);
	/* A newer one has to begin again with ours. */
	assert_int_equal(init(f, 8, 0, 0, &out), 0);
	assert_int_equal(out.major, 7);
	assert_int_equal(fuse_getattr(f, FUSE_ROOT_ID, &attr), -EIO);
	assert_int_equal(init(f, 7, 28, FUSE_MAX_PAGES | FUSE_POSIX_LOCKS, &out), 0);
	assert_int_equal(out.minor, 28);
	assert_int_equal(out.flags, FUSE_MAX_PAGES);
	/* Nodes of the mount before it are not those of this one. */
	assert_int_equal(fuse_getattr(f, FUSE_ROOT_ID, &attr), 0);
	assert_int_equal(fuse_share(f), share);
	/* Without large requests, no large answers. */
	assert_int_equal(init(f, 7, 100, 0, &out), 0);
	assert_int_equal(out.minor <= FUSE_KERNEL_MINOR_VERSION, true);
	assert_int_equal(out.max_write, 131072);
	uint64_t fh;
	fixture_root_write(&f->root, "file", "hello");
	uint64_t n = fuse_node(f, fuse_share(f), "file");
	assert_int_equal(fuse_open(f, n, O_RDONLY, &fh), 0);
	assert_int_equal(fuse_read(f, n, fh, 0, 131073), -EINVAL);
}

static void what_is_no_message_ends_it(void **state)
{
	static const uint32_t lengths[] = {0, 1, 39, SHARE_MESSAGE_MAX + 1, UINT32_MAX};
	struct fixture_fuse *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		const struct fuse_in_header header = {
			.len = lengths[i], .opcode = FUSE_STATFS};
		struct error err = {0};

		assert_int_equal(share_take(f->s, &header, sizeof(header), &err), -1);
		assert_non_null(strstr(err.msg, "no message"));
	}
	/* Half a message may still become a whole one. */
	const struct fuse_in_header header = {.len = 41};
	struct error err;
	assert_int_equal(share_take(f->s, &header, sizeof(header), &err), 0);
	assert_int_equal(share_take(f->s, &header, 3, &err), 0);
}

static void replies_that_are_taken_are_dropped(void **state)
{
	struct fixture_fuse *f = *state;
	CLEANUP_STRBUF struct strbuf message = {0};
	struct fuse_read_in in = {.size = 100000};
	CLEANUP_FREE char *content = xcalloc(1, in.size);
	struct error err;
	size_t len;

	fixture_root_write_bytes(&f->root, "file", content, in.size);
	uint64_t n = fuse_node(f, fuse_share(f), "file");
	assert_int_equal(fuse_open(f, n, O_RDONLY, &in.fh), 0);
	fuse_message(&message, f, FUSE_READ, n, &in, sizeof(in), NULL, 0);
	/* A guest that is always a little behind. */
	for (int i = 0; i < 500; i++) {
		assert_int_equal(
			share_take(f->s, message.data, message.len, &err), message.len);
		share_output(f->s, &len);
		assert_in_range(len, in.size, in.size + 200);
		share_output_sent(f->s, len - 100);
	}
	assert_in_range(f->s->out.cap, 0, 10 * in.size);
}

/* The server in a process of its own. Returns the other end of its socket. */
static int start_server(struct fixture_fuse *f, pid_t *ret)
{
	int ends[2];

	fixture_root_check(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
	fflush(NULL);
	*ret = fork();
	if (*ret == 0) {
		struct error err;

		close(ends[0]);
		_exit(share_serve(f->s, ends[1], &err) ? 1 : 0);
	}
	close(ends[1]);
	return ends[0];
}

static int wait_for(pid_t pid)
{
	int status;

	fixture_root_check(waitpid(pid, &status, 0), "waitpid");
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void many_requests_wait_for_no_reply(void **state)
{
	struct fixture_fuse *f = *state;
	CLEANUP_STRBUF struct strbuf message = {0};
	const int count = 20000;
	int answered = 0;
	pid_t pid;

	fixture_root_write(&f->root, "file", "x");
	uint64_t share = fuse_share(f);
	int fd = start_server(f, &pid);
	/* A relay that writes all it has before it reads: more than a socket holds. */
	fuse_message(&message, f, FUSE_LOOKUP, share, NULL, 0, "file", 5);
	for (int i = 0; i < count; i++)
		fixture_root_check(io_write_full(fd, message.data, message.len), "write");
	while (answered < count) {
		char reply[sizeof(struct fuse_out_header) +
			sizeof(struct fuse_entry_out)];

		assert_int_equal(
			recv(fd, reply, sizeof(reply), MSG_WAITALL), sizeof(reply));
		answered++;
	}
	close(fd);
	assert_int_equal(wait_for(pid), 0);
}

static void it_ends_with_the_socket_and_fails_at_garbage(void **state)
{
	struct fixture_fuse *f = *state;
	char garbage[100];
	pid_t pid;

	close(start_server(f, &pid));
	assert_int_equal(wait_for(pid), 0);
	int fd = start_server(f, &pid);
	memset(garbage, 0xff, sizeof(garbage));
	fixture_root_check(io_write_full(fd, garbage, sizeof(garbage)), "write");
	assert_int_equal(wait_for(pid), 1);
	close(fd);
}

#define RW(test) cmocka_unit_test_setup_teardown(test, fuse_setup_rw, fuse_teardown_state)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RW(malformed_requests_are_errors),
		RW(what_is_not_served_says_so),
		RW(versions_are_agreed_on),
		RW(what_is_no_message_ends_it),
		RW(replies_that_are_taken_are_dropped),
		RW(many_requests_wait_for_no_reply),
		RW(it_ends_with_the_socket_and_fails_at_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
