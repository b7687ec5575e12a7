/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client of the NBD server that first says all it has to say, and then looks at what the
 * server answered: so a conversation needs no socket and no thread.
 */
#pragma once

#include <endian.h>
#include <string.h>

#include "base/strbuf.h"
#include "serve/nbd.h"
#include "serve/serve.h"

struct talk {
	struct strbuf said, heard;
	/* How much of them was taken. */
	size_t said_taken, heard_taken;
};

static inline void talk_done(struct talk *t)
{
	strbuf_done(&t->said);
	strbuf_done(&t->heard);
}

static inline int talk_read(void *to, size_t len, void *data)
{
	struct talk *t = data;

	if (t->said.len - t->said_taken < len)
		return -1;
	if (len)
		memcpy(to, t->said.data + t->said_taken, len);
	t->said_taken += len;
	return 0;
}

static inline int talk_write(const void *from, size_t len, void *data)
{
	struct talk *t = data;

	strbuf_add(&t->heard, from, len);
	return 0;
}

static inline int talk_serve(struct talk *t, struct serve *s, struct error *ret_err)
{
	const struct serve_channel channel = {talk_read, talk_write, t};

	return serve_channel(s, &channel, ret_err);
}

/* ---- Saying ---- */

static inline void say_flags(struct talk *t, uint32_t flags)
{
	flags = htobe32(flags);
	strbuf_add(&t->said, &flags, sizeof(flags));
}

static inline void say_option(
	struct talk *t, uint32_t option, const void *data, uint32_t len)
{
	const struct nbd_option_header header = {
		htobe64(NBD_OPTION_MAGIC), htobe32(option), htobe32(len)};

	strbuf_add(&t->said, &header, sizeof(header));
	if (len)
		strbuf_add(&t->said, data, len);
}

/* A name, and how many pieces of information: none. */
static inline void say_go(struct talk *t)
{
	static const char nothing[6];

	say_option(t, NBD_OPT_GO, nothing, sizeof(nothing));
}

/* One query. */
static inline void say_context(struct talk *t, uint32_t option, const char *query)
{
	CLEANUP_STRBUF struct strbuf data = {0};
	const uint32_t no_name = 0, one = htobe32(1), len = htobe32(strlen(query));

	strbuf_add(&data, &no_name, 4);
	strbuf_add(&data, &one, 4);
	strbuf_add(&data, &len, 4);
	strbuf_adds(&data, query);
	say_option(t, option, data.data, data.len);
}

static inline void say_request(
	struct talk *t, uint16_t type, uint16_t flags, uint64_t offset, uint32_t len)
{
	const struct nbd_request r = {htobe32(NBD_REQUEST_MAGIC), htobe16(flags),
		htobe16(type), offset ^ len, htobe64(offset), htobe32(len)};

	strbuf_add(&t->said, &r, sizeof(r));
}
