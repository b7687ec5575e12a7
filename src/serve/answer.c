/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answering requests. Each thread reads one, answers it, and reads the next: so as many are under
 * way as there are threads, and a request that waits for the host's disk keeps no other waiting.
 *
 * With structured replies a long read is sent in chunks as it is read, and what a file that can't
 * be served leaves is an error in its place. If the client reads in order, the thread then reads
 * what comes next (ahead.h). A simple reply has its error in front, so all of it is read before.
 */
#include <endian.h>
#include <string.h>

#include "base/mem.h"
#include "serve/nbd.h"
#include "serve/server.h"

/* Of a reply to a question for the status of ranges. */
#define RANGES_MAX 64
#define CONTEXT_ID 1

/* In the host's byte order. */
struct request {
	uint16_t flags, type;
	uint64_t cookie; /* as it came */
	uint64_t offset;
	uint32_t len;
};

/* ---- Sending ---- */

static int send_message(struct client *c, const void *message, size_t len)
{
	pthread_mutex_lock(&c->send);
	int result = atomic_load(&c->is_deaf)
		? -1
		: c->channel->write(message, len, c->channel->data);
	pthread_mutex_unlock(&c->send);
	if (result < 0) {
		atomic_store(&c->is_deaf, true);
		atomic_store(&c->is_over, true);
	}
	return result;
}

/* Data that is in the buffer gets its header in front. */
static int send_simple(struct client *c, const struct request *r, struct buffer *b,
	enum nbd_errno error, uint32_t len)
{
	const struct nbd_simple header = {
		htobe32(NBD_SIMPLE_MAGIC), htobe32(error), r->cookie};
	uint8_t *start = buffer_data(b, len) - sizeof(header);

	memcpy(start, &header, sizeof(header));
	return send_message(c, start, sizeof(header) + len);
}

/* The payload is `fixed`, which may be empty, and then `len` bytes that are in the buffer. */
static int send_chunk(struct client *c, const struct request *r, struct buffer *b,
	enum nbd_chunk_type type, bool is_last, const void *fixed, size_t fixed_len,
	uint32_t len)
{
	const struct nbd_chunk header = {htobe32(NBD_STRUCTURED_MAGIC),
		htobe16(is_last ? NBD_CHUNK_DONE : 0), htobe16(type), r->cookie,
		htobe32(fixed_len + len)};
	uint8_t *start = buffer_data(b, len) - fixed_len - sizeof(header);

	assert(fixed_len + sizeof(header) <= BUFFER_HEAD);
	memcpy(start, &header, sizeof(header));
	if (fixed_len)
		memcpy(start + sizeof(header), fixed, fixed_len);
	return send_message(c, start, sizeof(header) + fixed_len + len);
}

static int send_error(
	struct client *c, const struct request *r, struct buffer *b, enum nbd_errno error)
{
	const struct nbd_error e = {htobe32(error), 0, 0};

	if (!c->structured)
		return send_simple(c, r, b, error, 0);
	return send_chunk(
		c, r, b, NBD_CHUNK_ERROR, true, &e, sizeof(e) - sizeof(e.offset), 0);
}

static int send_error_at(
	struct client *c, const struct request *r, struct buffer *b, uint64_t offset)
{
	const struct nbd_error e = {htobe32(NBD_EIO), 0, htobe64(offset)};

	memcpy(buffer_data(b, sizeof(e)), &e, sizeof(e));
	return send_chunk(c, r, b, NBD_CHUNK_ERROR_OFFSET, true, NULL, 0, sizeof(e));
}

/* ---- Commands ---- */

static bool is_within(const struct client *c, const struct request *r)
{
	return r->offset <= c->serve->size && r->len <= c->serve->size - r->offset;
}

/* One answer in front of all data. */
static int read_whole(struct client *c, const struct request *r, struct buffer *b)
{
	uint64_t failed;

	if (image_read(c->serve, r->offset, buffer_data(b, r->len), r->len, false,
		    &failed) < 0)
		return send_simple(c, r, b, NBD_EIO, 0);
	return send_simple(c, r, b, 0, r->len);
}

static int send_hole(struct client *c, const struct request *r, struct buffer *b,
	uint64_t offset, uint32_t left, uint32_t *ret_len)
{
	bool is_hole;
	uint32_t len = image_run(c->serve, offset, left, &is_hole);
	const struct nbd_hole hole = {htobe64(offset), htobe32(len)};

	assert(is_hole);
	*ret_len = len;
	memcpy(buffer_data(b, sizeof(hole)), &hole, sizeof(hole));
	return send_chunk(c, r, b, NBD_CHUNK_HOLE, len == left, NULL, 0, sizeof(hole));
}

static int read_in_chunks(struct client *c, const struct request *r, struct buffer *b)
{
	uint64_t at = r->offset, failed;
	uint32_t left = r->len, done;
	bool in_order;

	if (left == 0)
		return send_chunk(c, r, b, NBD_CHUNK_NONE, true, NULL, 0, 0);
	ssize_t n = ahead_take(&c->ahead, at, left, b, &in_order);
	for (; left; at += done, left -= done, n = 0) {
		uint32_t room = MIN(left, SERVE_CHUNK);
		if (n == 0)
			n = image_read(
				c->serve, at, buffer_data(b, room), room, true, &failed);
		const uint64_t offset = htobe64(at);
		if (n < 0)
			return send_error_at(c, r, b, failed);
		done = n;
		if (n == 0 ? send_hole(c, r, b, at, left, &done)
			   : send_chunk(c, r, b, NBD_CHUNK_DATA, done == left, &offset,
				     sizeof(offset), done))
			return -1;
	}
	if (in_order)
		ahead_fill(&c->ahead, c->serve, at, r->len, b);
	return 0;
}

static int answer_read(struct client *c, const struct request *r, struct buffer *b)
{
	if (r->flags || !is_within(c, r) || r->len > SERVE_REQUEST_MAX)
		return send_error(c, r, b, NBD_EINVAL);
	return c->structured ? read_in_chunks(c, r, b) : read_whole(c, r, b);
}

/* It may tell of less than it was asked for, so there is a limit to the work. */
static int answer_status(struct client *c, const struct request *r, struct buffer *b)
{
	uint32_t max = r->flags & NBD_CMD_FLAG_REQ_ONE ? 1 : RANGES_MAX;
	struct nbd_status ranges[RANGES_MAX];
	const uint32_t id = htobe32(CONTEXT_ID);
	uint64_t at = r->offset, end = r->offset + r->len;
	uint32_t n = 0;

	if (!c->allocation || r->flags & ~NBD_CMD_FLAG_REQ_ONE || !is_within(c, r) ||
		r->len == 0)
		return send_error(c, r, b, NBD_EINVAL);
	for (; n < max && at < end; n++) {
		bool is_hole;
		uint32_t len = image_run(c->serve, at, end - at, &is_hole);
		ranges[n] = (struct nbd_status){htobe32(len),
			htobe32(is_hole ? NBD_STATE_HOLE | NBD_STATE_ZERO : 0)};
		at += len;
	}
	memcpy(buffer_data(b, sizeof(ranges)), ranges, n * sizeof(ranges[0]));
	return send_chunk(
		c, r, b, NBD_CHUNK_STATUS, true, &id, sizeof(id), n * sizeof(ranges[0]));
}

static int answer_request(struct client *c, const struct request *r, struct buffer *b)
{
	switch (r->type) {
	case NBD_CMD_READ:
		return answer_read(c, r, b);
	case NBD_CMD_BLOCK_STATUS:
		return answer_status(c, r, b);
	case NBD_CMD_WRITE:
	case NBD_CMD_TRIM:
	case NBD_CMD_WRITE_ZEROES:
		return send_error(c, r, b, NBD_EPERM);
	/* Nothing is ever unwritten. */
	case NBD_CMD_FLUSH:
		return send_simple(c, r, b, 0, 0);
	default:
		return send_error(c, r, b, NBD_EINVAL);
	}
}

/* ---- Receiving ---- */

/* What a client sends with a write that it should not have sent. */
static int skip_payload(struct client *c, const struct request *r)
{
	uint8_t ignored[4096];

	if (r->type != NBD_CMD_WRITE)
		return 0;
	if (r->len > SERVE_REQUEST_MAX)
		return client_offends(c, "it wrote, and more than a request may have");
	for (uint32_t left = r->len, n; left; left -= n) {
		n = MIN(left, sizeof(ignored));
		if (c->channel->read(ignored, n, c->channel->data) < 0)
			return -1;
	}
	return 0;
}

static int receive(struct client *c, struct request *ret)
{
	struct nbd_request r;

	if (atomic_load(&c->is_over) ||
		c->channel->read(&r, sizeof(r), c->channel->data) < 0)
		return -1;
	if (r.magic != htobe32(NBD_REQUEST_MAGIC))
		return client_offends(c, "it sent no request where one was due");
	*ret = (struct request){.flags = be16toh(r.flags),
		.type = be16toh(r.type),
		.cookie = r.cookie,
		.offset = be64toh(r.offset),
		.len = be32toh(r.len)};
	return ret->type == NBD_CMD_DISC ? -1 : skip_payload(c, ret);
}

/* Answers that need a large buffer come one by one: the client gets one such buffer, not one for
 * each thread. */
static bool is_large(const struct client *c, const struct request *r)
{
	return !c->structured && r->type == NBD_CMD_READ && r->len > SERVE_CHUNK;
}

void client_answer(struct client *c)
{
	struct buffer b = {0};
	int result;

	do {
		struct request r;
		bool is_alone = false;
		pthread_mutex_lock(&c->receive);
		result = receive(c, &r);
		if (result < 0)
			atomic_store(&c->is_over, true);
		else
			is_alone = is_large(c, &r);
		if (!is_alone)
			pthread_mutex_unlock(&c->receive);
		if (result == 0)
			result = answer_request(c, &r, &b);
		buffer_trim(&b);
		if (is_alone)
			pthread_mutex_unlock(&c->receive);
	} while (result == 0);
	buffer_done(&b);
}
