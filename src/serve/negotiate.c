/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The handshake. There is one disk, whose name is empty. An option that is not known is
 * refused, and one that is wrong gets an error; the client may go on after both.
 */
#include <endian.h>
#include <string.h>

#include "base/mem.h"
#include "serve/nbd.h"
#include "serve/server.h"

/* Far more than options have here: two names of 4096 bytes and some queries. */
#define OPTION_MAX (16 * 1024)
/* No client asks for more, unless it wants to keep the server busy. */
#define OPTIONS_MAX 256

#define CONTEXT_NAME "base:allocation"
#define CONTEXT_ID   1

struct option {
	uint32_t type;
	uint32_t len;
	const uint8_t *data;
};

/* What is left of an option's data. */
struct cursor {
	const uint8_t *at, *end;
};

static int send_reply(struct client *c, const struct option *o, uint32_t type,
	const void *data, uint32_t len)
{
	uint8_t message[sizeof(struct nbd_reply_header) + 64];
	const struct nbd_reply_header header = {
		htobe64(NBD_REPLY_MAGIC), htobe32(o->type), htobe32(type), htobe32(len)};

	assert(len <= 64);
	memcpy(message, &header, sizeof(header));
	if (len)
		memcpy(message + sizeof(header), data, len);
	return c->channel->write(message, sizeof(header) + len, c->channel->data);
}

/* ---- Parsing ---- */

static bool take_u16(struct cursor *c, uint16_t *ret)
{
	if (c->end - c->at < 2)
		return false;
	*ret = c->at[0] << 8 | c->at[1];
	c->at += 2;
	return true;
}

static bool take_u32(struct cursor *c, uint32_t *ret)
{
	uint32_t value;

	if (c->end - c->at < 4)
		return false;
	memcpy(&value, c->at, sizeof(value));
	*ret = be32toh(value);
	c->at += 4;
	return true;
}

/* A length and as many bytes. */
static bool take_text(struct cursor *c, const char **ret, uint32_t *ret_len)
{
	if (!take_u32(c, ret_len) || *ret_len > c->end - c->at)
		return false;
	*ret = (const char *)c->at;
	c->at += *ret_len;
	return true;
}

/* ---- Options ---- */

static uint16_t export_flags(void)
{
	return NBD_HAS_FLAGS | NBD_READ_ONLY | NBD_CAN_MULTI_CONN;
}

static enum negotiated reply(struct client *c, const struct option *o, uint32_t type)
{
	return send_reply(c, o, type, NULL, 0) < 0 ? NEGOTIATED_OVER : NEGOTIATED_LEFT;
}

/* The old way: there is no answer but the disk, or the end. */
static enum negotiated take_export_name(struct client *c, const struct option *o)
{
	const struct nbd_export export = {
		.size = htobe64(c->serve->size), .flags = htobe16(export_flags())};
	size_t len =
		c->no_zeroes ? sizeof(export) - sizeof(export.zeroes) : sizeof(export);

	if (o->len > 0)
		return client_offends(c, "it asked for a disk that there is not");
	return c->channel->write(&export, len, c->channel->data) < 0 ? NEGOTIATED_OVER
								     : NEGOTIATED_GO;
}

static enum negotiated take_list(struct client *c, const struct option *o)
{
	const uint32_t no_name = 0;

	if (o->len > 0)
		return reply(c, o, NBD_REP_ERR_INVALID);
	if (send_reply(c, o, NBD_REP_SERVER, &no_name, sizeof(no_name)) < 0)
		return NEGOTIATED_OVER;
	return reply(c, o, NBD_REP_ACK);
}

/* All is told, whatever it asks for. */
static enum negotiated take_info(struct client *c, const struct option *o)
{
	const struct nbd_info_export export = {htobe16(NBD_INFO_EXPORT),
		htobe64(c->serve->size), htobe16(export_flags())};
	const struct nbd_info_block_size sizes = {htobe16(NBD_INFO_BLOCK_SIZE),
		htobe32(1), htobe32(4096), htobe32(SERVE_REQUEST_MAX)};
	struct cursor data = {o->data, o->data + o->len};
	uint32_t name_len;
	const char *name;
	uint16_t count;

	if (!take_text(&data, &name, &name_len) || !take_u16(&data, &count) ||
		data.end - data.at != 2 * count)
		return reply(c, o, NBD_REP_ERR_INVALID);
	if (name_len > 0)
		return reply(c, o, NBD_REP_ERR_UNKNOWN);
	if (send_reply(c, o, NBD_REP_INFO, &export, sizeof(export)) < 0 ||
		send_reply(c, o, NBD_REP_INFO, &sizes, sizeof(sizes)) < 0 ||
		reply(c, o, NBD_REP_ACK) < 0)
		return NEGOTIATED_OVER;
	return o->type == NBD_OPT_GO ? NEGOTIATED_GO : NEGOTIATED_LEFT;
}

static enum negotiated take_structured(struct client *c, const struct option *o)
{
	if (o->len > 0)
		return reply(c, o, NBD_REP_ERR_INVALID);
	c->structured = true;
	return reply(c, o, NBD_REP_ACK);
}

static bool is_text(const char *text, uint32_t len, const char *wanted)
{
	return len == strlen(wanted) && memcmp(text, wanted, len) == 0;
}

/* Do the queries have our context? -1: they are malformed. */
static int match_queries(struct cursor *data, bool is_list)
{
	uint32_t count, len;
	const char *query;
	int found = 0;

	if (!take_u32(data, &count))
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		if (!take_text(data, &query, &len))
			return -1;
		found |= is_text(query, len, CONTEXT_NAME) ||
			(is_list && is_text(query, len, "base:"));
	}
	if (data->at != data->end)
		return -1;
	return found || (is_list && count == 0);
}

static enum negotiated take_context(struct client *c, const struct option *o)
{
	struct cursor data = {o->data, o->data + o->len};
	bool is_list = o->type == NBD_OPT_LIST_META_CONTEXT;
	uint8_t context[4 + sizeof(CONTEXT_NAME) - 1];
	const uint32_t id = htobe32(is_list ? 0 : CONTEXT_ID);
	uint32_t name_len;
	const char *name;

	if (!c->structured || !take_text(&data, &name, &name_len))
		return reply(c, o, NBD_REP_ERR_INVALID);
	int found = match_queries(&data, is_list);
	if (found < 0)
		return reply(c, o, NBD_REP_ERR_INVALID);
	if (name_len > 0)
		return reply(c, o, NBD_REP_ERR_UNKNOWN);
	if (!is_list)
		c->allocation = found;
	memcpy(context, &id, sizeof(id));
	memcpy(context + 4, CONTEXT_NAME, sizeof(CONTEXT_NAME) - 1);
	if (found && send_reply(c, o, NBD_REP_META_CONTEXT, context, sizeof(context)) < 0)
		return NEGOTIATED_OVER;
	return reply(c, o, NBD_REP_ACK);
}

/* NEGOTIATED_LEFT: go on with the next. */
static enum negotiated take_option(struct client *c, const struct option *o)
{
	switch (o->type) {
	case NBD_OPT_EXPORT_NAME:
		return take_export_name(c, o);
	case NBD_OPT_LIST:
		return take_list(c, o);
	case NBD_OPT_INFO:
	case NBD_OPT_GO:
		return take_info(c, o);
	case NBD_OPT_STRUCTURED_REPLY:
		return take_structured(c, o);
	case NBD_OPT_LIST_META_CONTEXT:
	case NBD_OPT_SET_META_CONTEXT:
		return take_context(c, o);
	default:
		return reply(c, o, NBD_REP_ERR_UNSUP);
	}
}

/* ---- The conversation ---- */

static int skip(struct client *c, uint32_t len)
{
	uint8_t ignored[4096];

	for (uint32_t n; len; len -= n) {
		n = MIN(len, sizeof(ignored));
		if (c->channel->read(ignored, n, c->channel->data) < 0)
			return -1;
	}
	return 0;
}

static enum negotiated answer_option(struct client *c, uint8_t *data, uint32_t *ret_type)
{
	struct nbd_option_header header;

	if (c->channel->read(&header, sizeof(header), c->channel->data) < 0)
		return NEGOTIATED_OVER;
	if (header.magic != htobe64(NBD_OPTION_MAGIC))
		return client_offends(c, "it sent no option where one was due");
	struct option o = {be32toh(header.option), be32toh(header.len), data};
	*ret_type = o.type;
	if (o.len > OPTION_MAX)
		return skip(c, o.len) < 0 ? NEGOTIATED_OVER
					  : reply(c, &o, NBD_REP_ERR_TOO_BIG);
	if (c->channel->read(data, o.len, c->channel->data) < 0)
		return NEGOTIATED_OVER;
	if (o.type == NBD_OPT_ABORT)
		return reply(c, &o, NBD_REP_ACK);
	return take_option(c, &o);
}

enum negotiated client_negotiate(struct client *c)
{
	const struct nbd_greeting greeting = {htobe64(NBD_MAGIC),
		htobe64(NBD_OPTION_MAGIC), htobe16(NBD_HANDSHAKE_FLAGS)};
	CLEANUP_FREE uint8_t *data = xmalloc(OPTION_MAX);
	uint32_t flags, type = 0;

	if (c->channel->write(&greeting, sizeof(greeting), c->channel->data) < 0 ||
		c->channel->read(&flags, sizeof(flags), c->channel->data) < 0)
		return NEGOTIATED_OVER;
	flags = be32toh(flags);
	if (!(flags & NBD_FIXED_NEWSTYLE) || flags & ~(uint32_t)NBD_HANDSHAKE_FLAGS)
		return client_offends(
			c, "it does not speak the fixed newstyle handshake");
	c->no_zeroes = flags & NBD_NO_ZEROES;
	for (int i = 0; i < OPTIONS_MAX; i++) {
		enum negotiated n = answer_option(c, data, &type);
		if (n != NEGOTIATED_LEFT || type == NBD_OPT_ABORT)
			return n;
	}
	return client_offends(c, "it negotiated without end");
}
