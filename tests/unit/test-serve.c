/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image that is served: its bytes are those of a written one, whatever of the protocol the
 * client takes; what has changed on the host is an error for that file alone; and clients that
 * break the protocol get nowhere.
 */
#include "test-ext2.h"

#include <pthread.h>
#include <sys/socket.h>

#include "base/log.h"
#include "fixture-nbd.h"

/* A served tree, and its image as it is written. */
struct fixture {
	struct tree *tree;
	struct ext2_plan *plan;
	struct serve *serve;
	struct ext2_summary summary;
	uint8_t *image;
};

static char last_warning[ERROR_MSG_SIZE];
static unsigned n_warnings;

static void take_log(enum log_level level, const char *line, void *data)
{
	(void)data;
	if (level != LOG_LEVEL_WARNING)
		return;
	n_warnings++;
	snprintf(last_warning, sizeof(last_warning), "%s", line);
}

static void fixture_done(struct fixture *f)
{
	serve_free(f->serve);
	ext2_plan_free(f->plan);
	tree_free(f->tree);
	free(f->image);
}
#define CLEANUP_FIXTURE CLEANUP(fixture_done)

static void write_large(const char *path, size_t len)
{
	CLEANUP_STRBUF struct strbuf text = {0};

	while (text.len < len)
		strbuf_addf(&text, "%s %zu\n", path, text.len);
	write_file(path, text.data);
}

/* Of what is in the directory `in`, with room for 8 MiB that is free. */
static void serve_directory(struct fixture *f)
{
	const struct ext2_options options = {.free_blocks = 2048};
	size_t len;

	n_warnings = 0;
	log_set_handler(take_log, NULL, LOG_LEVEL_WARNING);
	*f = (struct fixture){.tree = tree_new(NULL)};
	assert_ok(tree_add_directory(f->tree, "in", "/", &err));
	tree_finish(f->tree);
	assert_ok(write_image(f->tree, &options, IMAGE, &f->summary));
	assert_ok(io_read_file(AT_FDCWD, IMAGE, 1 << 30, (char **)&f->image, &len, &err));
	assert_int_equal(len, f->summary.size);
	assert_ok(ext2_plan_new(f->tree, &options, &f->plan, &err));
	f->serve = serve_new(f->tree, f->plan);
}

static void make_input(void)
{
	make_dir("in");
	make_dir("in/dir");
	write_file("in/small", "some text");
	write_large("in/large", 3000000);
	write_large("in/dir/other", 70000);
	assert_int_equal(link("in/large", "in/dir/again"), 0);
	make_link("dir/other", "in/link");
}

/* Where in the image the file's first byte is. */
static uint64_t place_of(const struct fixture *f, const char *text)
{
	const uint8_t *at = memmem(f->image, f->summary.size, text, strlen(text));

	assert_non_null(at);
	return at - f->image;
}

/* ---- What was heard ---- */

static const void *hear(struct talk *t, size_t len)
{
	const char *at = t->heard.data + t->heard_taken;

	assert_true(t->heard.len - t->heard_taken >= len);
	t->heard_taken += len;
	return at;
}

static void hear_greeting(struct talk *t)
{
	const struct nbd_greeting *g = hear(t, sizeof(*g));

	assert_true(g->magic == htobe64(NBD_MAGIC));
	assert_true(g->option_magic == htobe64(NBD_OPTION_MAGIC));
	assert_int_equal(be16toh(g->flags), NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
}

/* Its payload is passed over. */
static void hear_reply(struct talk *t, uint32_t option, uint32_t type)
{
	const struct nbd_reply_header *r = hear(t, sizeof(*r));

	assert_true(r->magic == htobe64(NBD_REPLY_MAGIC));
	assert_int_equal(be32toh(r->option), option);
	assert_int_equal(be32toh(r->type), type);
	hear(t, be32toh(r->len));
}

static void hear_go(struct talk *t)
{
	hear_reply(t, NBD_OPT_GO, NBD_REP_INFO);
	hear_reply(t, NBD_OPT_GO, NBD_REP_INFO);
	hear_reply(t, NBD_OPT_GO, NBD_REP_ACK);
}

static void hear_simple(struct talk *t, uint32_t error)
{
	const struct nbd_simple *s = hear(t, sizeof(*s));

	assert_true(s->magic == htobe32(NBD_SIMPLE_MAGIC));
	assert_int_equal(be32toh(s->error), error);
}

/* A structured answer to a read, put together in `to`; its error, and bytes in holes. */
static uint32_t hear_chunks(
	struct talk *t, uint64_t offset, uint32_t len, uint8_t *to, uint64_t *ret_holes)
{
	uint32_t error = 0, covered = 0;
	bool is_last = false;

	*ret_holes = 0;
	while (!is_last) {
		const struct nbd_chunk *c = hear(t, sizeof(*c));
		const uint32_t payload = be32toh(c->len);
		uint64_t at;

		assert_true(c->magic == htobe32(NBD_STRUCTURED_MAGIC));
		assert_true(c->cookie == (offset ^ len));
		is_last = be16toh(c->flags) & NBD_CHUNK_DONE;
		const uint8_t *data = hear(t, payload);
		memcpy(&at, data, sizeof(at));
		at = be64toh(at) - offset;
		switch (be16toh(c->type)) {
		case NBD_CHUNK_DATA:
			assert_true(at + payload - 8 <= len);
			memcpy(to + at, data + 8, payload - 8);
			covered += payload - 8;
			break;
		case NBD_CHUNK_HOLE: {
			const struct nbd_hole *hole = (const void *)data;
			assert_true(at + be32toh(hole->len) <= len);
			memset(to + at, 0, be32toh(hole->len));
			*ret_holes += be32toh(hole->len);
			covered += be32toh(hole->len);
			break;
		}
		case NBD_CHUNK_ERROR:
		case NBD_CHUNK_ERROR_OFFSET:
			memcpy(&error, data, sizeof(error));
			error = be32toh(error);
			break;
		default:
			fail_msg("chunk of type %u", be16toh(c->type));
		}
	}
	assert_true(error || covered == len);
	return error;
}

static void begin_structured(struct talk *t)
{
	say_flags(t, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
	say_option(t, NBD_OPT_STRUCTURED_REPLY, NULL, 0);
	say_context(t, NBD_OPT_SET_META_CONTEXT, "base:allocation");
	say_go(t);
}

static void hear_structured(struct talk *t)
{
	hear_greeting(t);
	hear_reply(t, NBD_OPT_STRUCTURED_REPLY, NBD_REP_ACK);
	hear_reply(t, NBD_OPT_SET_META_CONTEXT, NBD_REP_META_CONTEXT);
	hear_reply(t, NBD_OPT_SET_META_CONTEXT, NBD_REP_ACK);
	hear_go(t);
}

/* Read once by a client of its own: its error, or 0. */
static uint32_t read_once(struct fixture *f, uint64_t offset, uint32_t len, uint8_t *to)
{
	CLEANUP(talk_done) struct talk t = {0};
	uint64_t holes;

	begin_structured(&t);
	say_request(&t, NBD_CMD_READ, 0, offset, len);
	assert_ok(talk_serve(&t, f->serve, &err));
	hear_structured(&t);
	return hear_chunks(&t, offset, len, to, &holes);
}

static void assert_served(struct fixture *f, uint64_t offset, uint32_t len)
{
	CLEANUP_FREE uint8_t *bytes = xmalloc(len);

	assert_int_equal(read_once(f, offset, len, bytes), 0);
	assert_memory_equal(bytes, f->image + offset, len);
}

/* ---- The bytes ---- */

static void simple_replies_have_the_images_bytes(void **state)
{
	CLEANUP_FIXTURE struct fixture f;
	CLEANUP(talk_done) struct talk t = {0};

	(void)state;
	make_input();
	serve_directory(&f);
	say_flags(&t, NBD_FIXED_NEWSTYLE);
	say_option(&t, NBD_OPT_EXPORT_NAME, NULL, 0);
	say_request(&t, NBD_CMD_READ, 0, 0, f.summary.size);
	say_request(&t, NBD_CMD_READ, 0, 1, 1234567);
	say_request(&t, NBD_CMD_FLUSH, 0, 0, 0);
	say_request(&t, NBD_CMD_DISC, 0, 0, 0);
	assert_ok(talk_serve(&t, f.serve, &err));
	hear_greeting(&t);
	const struct nbd_export *export = hear(&t, sizeof(*export));
	assert_true(be64toh(export->size) == f.summary.size);
	assert_int_equal(be16toh(export->flags),
		NBD_HAS_FLAGS | NBD_READ_ONLY | NBD_CAN_MULTI_CONN);
	hear_simple(&t, 0);
	assert_memory_equal(hear(&t, f.summary.size), f.image, f.summary.size);
	hear_simple(&t, 0);
	assert_memory_equal(hear(&t, 1234567), f.image + 1, 1234567);
	hear_simple(&t, 0);
	assert_int_equal(t.heard_taken, t.heard.len);
}

static void structured_replies_have_the_images_bytes(void **state)
{
	CLEANUP_FIXTURE struct fixture f;
	CLEANUP(talk_done) struct talk t = {0};
	uint64_t holes;

	(void)state;
	make_input();
	serve_directory(&f);
	CLEANUP_FREE uint8_t *bytes = xmalloc(f.summary.size);
	begin_structured(&t);
	say_request(&t, NBD_CMD_READ, 0, 0, f.summary.size);
	assert_ok(talk_serve(&t, f.serve, &err));
	hear_structured(&t);
	assert_int_equal(hear_chunks(&t, 0, f.summary.size, bytes, &holes), 0);
	assert_memory_equal(bytes, f.image, f.summary.size);
	/* What is free is not sent. */
	assert_true(holes >= 8 << 20);
	for (uint64_t at = 0; at + 9999 <= f.summary.size; at += 99991)
		assert_served(&f, at, 9999);
}

/* Whether what was read ahead is what is asked for, more, less, or not it at all. */
static void reads_in_order_have_the_images_bytes(void **state)
{
	const uint32_t lens[] = {1 << 18, 1 << 18, 1 << 18, 1 << 17, 1 << 20, 4096,
		1 << 18, 1 << 18, 3 << 19, 200000};
	CLEANUP_FIXTURE struct fixture f;
	CLEANUP(talk_done) struct talk t = {0};
	uint64_t at, holes;

	(void)state;
	make_input();
	serve_directory(&f);
	CLEANUP_FREE uint8_t *bytes = xmalloc(f.summary.size);
	begin_structured(&t);
	for (int round = 0; round < 2; round++) {
		at = 0;
		for (size_t i = 0; at + lens[i % 10] <= f.summary.size; i++) {
			say_request(&t, NBD_CMD_READ, 0, at, lens[i % 10]);
			at += lens[i % 10];
		}
	}
	assert_ok(talk_serve(&t, f.serve, &err));
	hear_structured(&t);
	for (int round = 0; round < 2; round++) {
		at = 0;
		for (size_t i = 0; at + lens[i % 10] <= f.summary.size; i++) {
			uint32_t len = lens[i % 10];
			assert_int_equal(hear_chunks(&t, at, len, bytes, &holes), 0);
			assert_memory_equal(bytes, f.image + at, len);
			at += len;
		}
	}
}

static void it_is_told_where_holes_are(void **state)
{
	CLEANUP_FIXTURE struct fixture f;
	CLEANUP(talk_done) struct talk t = {0};
	uint64_t at = 0, holes = 0;

	(void)state;
	make_input();
	serve_directory(&f);
	begin_structured(&t);
	say_request(&t, NBD_CMD_BLOCK_STATUS, 0, 0, f.summary.size);
	assert_ok(talk_serve(&t, f.serve, &err));
	hear_structured(&t);
	const struct nbd_chunk *c = hear(&t, sizeof(*c));
	assert_int_equal(be16toh(c->type), NBD_CHUNK_STATUS);
	hear(&t, 4);
	for (uint32_t n = (be32toh(c->len) - 4) / sizeof(struct nbd_status); n; n--) {
		const struct nbd_status *range = hear(&t, sizeof(*range));
		uint32_t len = be32toh(range->len);
		if (range->flags) {
			holes += len;
			for (uint32_t i = 0; i < len; i++)
				assert_int_equal(f.image[at + i], 0);
		}
		at += len;
	}
	assert_true(at == f.summary.size);
	assert_true(holes >= 8 << 20);
}

/* ---- Truth ---- */

/* The file's bytes are an error, and all others are there. */
static void assert_refused(struct fixture *f, const char *text, const char *warning)
{
	uint8_t bytes[4096];
	uint64_t at = place_of(f, text) / 4096 * 4096;

	assert_int_equal(read_once(f, at, sizeof(bytes), bytes), NBD_EIO);
	assert_int_equal(read_once(f, at, sizeof(bytes), bytes), NBD_EIO);
	assert_int_equal(n_warnings, 1);
	if (!strstr(last_warning, warning))
		fail_msg("'%s' is not in: %s", warning, last_warning);
}

static void what_was_written_to_is_an_error(void **state)
{
	CLEANUP_FIXTURE struct fixture f;

	(void)state;
	make_input();
	serve_directory(&f);
	uint64_t at = place_of(&f, "in/large 0\n");
	assert_served(&f, at, 100000);
	/* As long as before, and at the time before, as far as anybody can set that. */
	CLEANUP_CLOSE int fd = open("in/large", O_WRONLY | O_CLOEXEC);
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pwrite(fd, "changed", 7, 2000000), 7);
	assert_int_equal(
		futimens(fd, (const struct timespec[]){st.st_atim, st.st_mtim}), 0);
	assert_refused(&f, "in/large 0\n", "in/large");
	assert_served(&f, place_of(&f, "in/dir/other 0\n"), 70000);
	assert_served(&f, 0, 8192);
}

static void what_was_replaced_is_an_error(void **state)
{
	CLEANUP_FIXTURE struct fixture f;

	(void)state;
	make_input();
	serve_directory(&f);
	assert_served(&f, place_of(&f, "some text"), 4);
	write_file("in/new", "some text");
	assert_int_equal(rename("in/new", "in/small"), 0);
	assert_refused(&f, "some text", "in/small");
	assert_served(&f, place_of(&f, "in/large 0\n"), 3000000);
}

static void no_link_is_followed(void **state)
{
	CLEANUP_FIXTURE struct fixture f;

	(void)state;
	make_input();
	serve_directory(&f);
	/* To the same directory: the files in it are the right ones. */
	assert_int_equal(rename("in/dir", "moved"), 0);
	make_link("../moved", "in/dir");
	assert_refused(&f, "in/dir/other 0\n", "in/dir/other");
	assert_served(&f, place_of(&f, "some text"), 4);
}

static void a_pipe_in_its_place_is_not_waited_for(void **state)
{
	CLEANUP_FIXTURE struct fixture f;

	(void)state;
	make_input();
	serve_directory(&f);
	assert_int_equal(unlink("in/small"), 0);
	assert_int_equal(mkfifo("in/small", 0644), 0);
	assert_refused(&f, "some text", "in/small");
}

/* In front of it there is data, which is sent before the error. */
static void a_read_goes_up_to_the_error(void **state)
{
	CLEANUP_FIXTURE struct fixture f;
	CLEANUP_FREE uint8_t *bytes = xcalloc(1, 1 << 20);

	(void)state;
	make_input();
	serve_directory(&f);
	assert_int_equal(truncate("in/large", 10), 0);
	uint64_t at = place_of(&f, "in/large 0\n");
	assert_true(at > SERVE_CHUNK || at > 0);
	uint64_t from = at > SERVE_CHUNK + 4096 ? at - SERVE_CHUNK - 4096 : 0;
	assert_int_equal(read_once(&f, from, 1 << 20, bytes), NBD_EIO);
	assert_memory_equal(
		bytes, f.image + from, (at - from) / SERVE_CHUNK * SERVE_CHUNK);
}

/* ---- Clients that are wrong ---- */

static void what_is_out_of_range_is_an_error(void **state)
{
	CLEANUP_FIXTURE struct fixture f;
	CLEANUP(talk_done) struct talk t = {0};

	(void)state;
	make_input();
	serve_directory(&f);
	say_flags(&t, NBD_FIXED_NEWSTYLE);
	say_go(&t);
	say_request(&t, NBD_CMD_READ, 0, f.summary.size, 1);
	say_request(&t, NBD_CMD_READ, 0, f.summary.size - 1, 2);
	say_request(&t, NBD_CMD_READ, 0, UINT64_MAX, 2);
	say_request(&t, NBD_CMD_READ, 0, 0, SERVE_REQUEST_MAX + 1);
	say_request(&t, NBD_CMD_READ, 1, 0, 1);
	say_request(&t, NBD_CMD_BLOCK_STATUS, 0, 0, 4096);
	say_request(&t, 99, 0, 0, 4096);
	say_request(&t, NBD_CMD_WRITE, 0, 0, 3);
	strbuf_adds(&t.said, "bad");
	say_request(&t, NBD_CMD_TRIM, 0, 0, 4096);
	say_request(&t, NBD_CMD_READ, 0, 0, 0);
	assert_ok(talk_serve(&t, f.serve, &err));
	hear_greeting(&t);
	hear_go(&t);
	for (int i = 0; i < 7; i++)
		hear_simple(&t, NBD_EINVAL);
	hear_simple(&t, NBD_EPERM);
	hear_simple(&t, NBD_EPERM);
	hear_simple(&t, 0);
	assert_int_equal(t.heard_taken, t.heard.len);
}

static void options_that_are_wrong_are_refused(void **state)
{
	static const char other[] = "\0\0\0\5other\0\0", cut[] = "\0\0\0\5ot",
			  infos[] = "\0\0\0\0\0\2\0\0";
	CLEANUP_FIXTURE struct fixture f;
	CLEANUP(talk_done) struct talk t = {0};

	(void)state;
	make_input();
	serve_directory(&f);
	CLEANUP_FREE char *much = xcalloc(1, 100000);
	say_flags(&t, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
	say_option(&t, 5, NULL, 0);
	say_option(&t, NBD_OPT_GO, other, sizeof(other) - 1);
	say_option(&t, NBD_OPT_GO, cut, sizeof(cut) - 1);
	say_option(&t, NBD_OPT_INFO, infos, sizeof(infos) - 1);
	say_option(&t, NBD_OPT_LIST, much, 100000);
	say_option(&t, NBD_OPT_LIST, "x", 1);
	say_context(&t, NBD_OPT_SET_META_CONTEXT, "base:allocation");
	say_option(&t, NBD_OPT_STRUCTURED_REPLY, NULL, 0);
	say_option(&t, NBD_OPT_SET_META_CONTEXT, cut, sizeof(cut) - 1);
	say_context(&t, NBD_OPT_SET_META_CONTEXT, "qemu:dirty-bitmap:x");
	say_option(&t, NBD_OPT_LIST, NULL, 0);
	say_option(&t, NBD_OPT_ABORT, NULL, 0);
	say_option(&t, NBD_OPT_LIST, NULL, 0);
	assert_ok(talk_serve(&t, f.serve, &err));
	hear_greeting(&t);
	hear_reply(&t, 5, NBD_REP_ERR_UNSUP);
	hear_reply(&t, NBD_OPT_GO, NBD_REP_ERR_UNKNOWN);
	hear_reply(&t, NBD_OPT_GO, NBD_REP_ERR_INVALID);
	hear_reply(&t, NBD_OPT_INFO, NBD_REP_ERR_INVALID);
	hear_reply(&t, NBD_OPT_LIST, NBD_REP_ERR_TOO_BIG);
	hear_reply(&t, NBD_OPT_LIST, NBD_REP_ERR_INVALID);
	hear_reply(&t, NBD_OPT_SET_META_CONTEXT, NBD_REP_ERR_INVALID);
	hear_reply(&t, NBD_OPT_STRUCTURED_REPLY, NBD_REP_ACK);
	hear_reply(&t, NBD_OPT_SET_META_CONTEXT, NBD_REP_ERR_INVALID);
	hear_reply(&t, NBD_OPT_SET_META_CONTEXT, NBD_REP_ACK);
	hear_reply(&t, NBD_OPT_LIST, NBD_REP_SERVER);
	hear_reply(&t, NBD_OPT_LIST, NBD_REP_ACK);
	hear_reply(&t, NBD_OPT_ABORT, NBD_REP_ACK);
	assert_int_equal(t.heard_taken, t.heard.len);
}

static void who_breaks_the_protocol_is_left(void **state)
{
	CLEANUP_FIXTURE struct fixture f;

	(void)state;
	make_input();
	serve_directory(&f);
	for (int i = 0; i < 4; i++) {
		CLEANUP(talk_done) struct talk t = {0};
		say_flags(&t,
			i == 0		 ? 0
				: i == 1 ? 4 | NBD_FIXED_NEWSTYLE
					 : NBD_FIXED_NEWSTYLE);
		if (i == 3)
			say_go(&t);
		for (int n = 0; n < 50; n++)
			strbuf_adds(&t.said, "GET / HTTP/1.1\r\n");
		assert_fails(talk_serve(&t, f.serve, &err), "serve a client: it ");
	}
	CLEANUP(talk_done) struct talk t = {0};
	say_flags(&t, NBD_FIXED_NEWSTYLE);
	for (int n = 0; n < 1000; n++)
		say_option(&t, NBD_OPT_LIST, NULL, 0);
	assert_fails(talk_serve(&t, f.serve, &err), "without end");
}

/* ---- Sockets ---- */

struct visitor {
	struct fixture *fixture;
	int socket;
};

static void *serve_visitor(void *data)
{
	const struct visitor *v = data;

	serve_client(v->fixture->serve, v->socket, &err);
	close(v->socket);
	return NULL;
}

static void receive(int socket, void *to, size_t len)
{
	assert_int_equal(recv(socket, to, len, MSG_WAITALL), len);
}

/* Answers come in any order, and each is whole. */
static void many_requests_are_under_way_at_once(void **state)
{
	enum { N = 200 };
	CLEANUP_FIXTURE struct fixture f;
	CLEANUP(talk_done) struct talk t = {0};
	bool answered[N] = {false};
	pthread_t thread;
	int ends[2];

	(void)state;
	make_input();
	serve_directory(&f);
	const uint32_t len = f.summary.size / N;
	CLEANUP_FREE uint8_t *bytes = xmalloc(len);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	struct visitor v = {&f, ends[1]};
	assert_int_equal(pthread_create(&thread, NULL, serve_visitor, &v), 0);
	say_flags(&t, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
	say_option(&t, NBD_OPT_EXPORT_NAME, NULL, 0);
	for (uint32_t i = 0; i < N; i++) {
		const struct nbd_request r = {htobe32(NBD_REQUEST_MAGIC), 0,
			htobe16(NBD_CMD_READ), i, htobe64((uint64_t)i * len),
			htobe32(len)};
		strbuf_add(&t.said, &r, sizeof(r));
	}
	assert_int_equal(io_write_full(ends[0], t.said.data, t.said.len), 0);
	receive(ends[0], bytes, sizeof(struct nbd_greeting) + 10);
	for (int i = 0; i < N; i++) {
		struct nbd_simple reply;
		receive(ends[0], &reply, sizeof(reply));
		receive(ends[0], bytes, len);
		assert_true(reply.magic == htobe32(NBD_SIMPLE_MAGIC) && !reply.error);
		assert_true(reply.cookie < N && !answered[reply.cookie]);
		answered[reply.cookie] = true;
		assert_memory_equal(bytes, f.image + reply.cookie * len, len);
	}
	close(ends[0]);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(simple_replies_have_the_images_bytes),
		scratch_test(structured_replies_have_the_images_bytes),
		scratch_test(reads_in_order_have_the_images_bytes),
		scratch_test(it_is_told_where_holes_are),
		scratch_test(what_was_written_to_is_an_error),
		scratch_test(what_was_replaced_is_an_error),
		scratch_test(no_link_is_followed),
		scratch_test(a_pipe_in_its_place_is_not_waited_for),
		scratch_test(a_read_goes_up_to_the_error),
		scratch_test(what_is_out_of_range_is_an_error),
		scratch_test(options_that_are_wrong_are_refused),
		scratch_test(who_breaks_the_protocol_is_left),
		scratch_test(many_requests_are_under_way_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
