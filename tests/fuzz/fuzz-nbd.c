/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hostile client of a served image: any bytes, over a tree with every kind of content. All that
 * the server says is in the protocol's form, and what it says of the image is true.
 *
 * A case is a list of messages, so that they are right more often than by chance. The first byte
 * of each chooses one of the kinds below; what follows is its data. Bytes of kind 0 are sent as
 * they are.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "ext2/ext2.h"
#include "tests/unit/fixture-nbd.h"
#include "tree/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No case takes much memory or time. */
#define READ_TOTAL_MAX (4u * 1024 * 1024)

static struct serve *server;
static struct ext2_summary summary;

static void check(bool right)
{
	if (!right)
		abort();
}

static void add_file(struct tree *t, const char *path, uint32_t mode, size_t len)
{
	CLEANUP_FREE char *text = xmalloc(len + 1);
	struct error err;

	memset(text, 'a' + len % 26, len);
	const struct tree_file file = {.mode = mode, .data = text, .len = len};
	check(tree_add_file(t, path, &file, &err) == 0);
}

static void make_server(void)
{
	const struct ext2_options options = {.block_size = 1024, .size = 40 << 20};
	struct tree *t = tree_new(NULL);
	struct ext2_plan *plan;
	struct error err;

	for (int i = 0; i < 200; i++) {
		CLEANUP_FREE char *name = xasprintf("/directory/%060d", i);
		add_file(t, name, S_IFREG | 0644, i * 50);
	}
	add_file(t, "/large", S_IFREG | 0600, 700000);
	add_file(t, "/link", S_IFLNK | 0777, 300);
	tree_finish(t);
	check(ext2_plan_new(t, &options, &plan, &err) == 0);
	ext2_plan_summary(plan, &summary);
	server = serve_new(t, plan);
}

static uint64_t take_number(const uint8_t **data, size_t *size, unsigned bytes)
{
	uint64_t value = 0;

	for (; bytes && *size; bytes--, (*size)--)
		value = value << 8 | *(*data)++;
	return value;
}

/* The requests of a case, as far as they can be told from here. */
static void say_message(
	struct talk *t, const uint8_t **data, size_t *size, uint64_t *total)
{
	uint8_t kind = take_number(data, size, 1) % 8;
	size_t n;

	switch (kind) {
	case 0:
	case 1:
		n = MIN(take_number(data, size, 1), *size);
		if (kind == 0)
			strbuf_add(&t->said, *data, n);
		else
			say_option(t, take_number(data, size, 1), *data, MIN(n, *size));
		n = MIN(n, *size);
		*data += n;
		*size -= n;
		break;
	case 2:
		say_option(t, NBD_OPT_STRUCTURED_REPLY, NULL, 0);
		break;
	case 3:
		say_context(t,
			take_number(data, size, 1) & 1 ? NBD_OPT_LIST_META_CONTEXT
						       : NBD_OPT_SET_META_CONTEXT,
			"base:allocation");
		break;
	case 4:
		say_go(t);
		break;
	case 5:
		say_option(t, NBD_OPT_EXPORT_NAME, NULL, 0);
		break;
	default: {
		uint16_t type = take_number(data, size, 1);
		uint16_t flags = kind == 6 ? 0 : take_number(data, size, 2);
		uint64_t offset = take_number(data, size, kind == 6 ? 4 : 8);
		uint32_t len = take_number(data, size, kind == 6 ? 3 : 4);
		/* Longer ones are refused. */
		if (type == NBD_CMD_READ && len <= SERVE_REQUEST_MAX &&
			(*total += len) > READ_TOTAL_MAX)
			return;
		say_request(t, type, flags, offset, len);
	}
	}
}

/* ---- What the server says ---- */

static const void *hear(struct talk *t, size_t len)
{
	const void *at = t->heard.data + t->heard_taken;

	check(t->heard.len - t->heard_taken >= len);
	t->heard_taken += len;
	return at;
}

/* Of a structured answer; requests have the cookie that tells where they are and how long. */
static void hear_chunk(struct talk *t)
{
	struct nbd_chunk c;
	uint64_t at;

	memcpy(&c, hear(t, sizeof(c)), sizeof(c));
	uint32_t len = be32toh(c.len);
	check(len <= SERVE_CHUNK + 8);
	const uint8_t *data = hear(t, len);
	switch (be16toh(c.type)) {
	case NBD_CHUNK_NONE:
		check(len == 0);
		break;
	case NBD_CHUNK_DATA:
		check(len > 8);
		memcpy(&at, data, sizeof(at));
		check(be64toh(at) + len - 8 <= summary.size);
		break;
	case NBD_CHUNK_HOLE: {
		struct nbd_hole hole;
		check(len == sizeof(hole));
		memcpy(&hole, data, sizeof(hole));
		check(be64toh(hole.offset) + be32toh(hole.len) <= summary.size);
		break;
	}
	case NBD_CHUNK_STATUS:
		check(len >= 12 && len % 8 == 4);
		break;
	case NBD_CHUNK_ERROR:
		check(len == 6 && (be16toh(c.flags) & NBD_CHUNK_DONE));
		break;
	/* No file here can change. */
	default:
		abort();
	}
}

/* The replies to options are whole, and so is each chunk. Simple replies have no length: they are
 * left to the unit tests. */
static void check_heard(struct talk *t)
{
	struct nbd_reply_header reply;
	uint32_t magic;

	hear(t, sizeof(struct nbd_greeting));
	while (t->heard.len - t->heard_taken >= sizeof(reply)) {
		memcpy(&reply, t->heard.data + t->heard_taken, sizeof(reply));
		memcpy(&magic, &reply, sizeof(magic));
		if (reply.magic == htobe64(NBD_REPLY_MAGIC)) {
			hear(t, sizeof(reply));
			check(be32toh(reply.len) <= 64);
			hear(t, be32toh(reply.len));
		} else if (magic == htobe32(NBD_STRUCTURED_MAGIC)) {
			hear_chunk(t);
		} else {
			break;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct talk t = {0};
	uint64_t total = 0;
	struct error err;

	if (!server)
		make_server();
	if (size > 0)
		say_flags(&t, take_number(&data, &size, 1));
	while (size > 0)
		say_message(&t, &data, &size, &total);
	talk_serve(&t, server, &err);
	check_heard(&t);
	talk_done(&t);
	return 0;
}
