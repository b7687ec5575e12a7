/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nothing here keeps state or allocates: the same code runs in the guest's init, in the
 * library and under a fuzzer. */
#include <string.h>

#include "protocol/protocol.h"

void wire_put_u16(uint8_t *p, uint16_t v)
{
	p[0] = v & 0xff;
	p[1] = v >> 8;
}

void wire_put_u32(uint8_t *p, uint32_t v)
{
	wire_put_u16(p, v & 0xffff);
	wire_put_u16(p + 2, v >> 16);
}

void wire_put_u64(uint8_t *p, uint64_t v)
{
	wire_put_u32(p, v & 0xffffffff);
	wire_put_u32(p + 4, v >> 32);
}

uint16_t wire_get_u16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

uint32_t wire_get_u32(const uint8_t *p)
{
	return wire_get_u16(p) | (uint32_t)wire_get_u16(p + 2) << 16;
}

uint64_t wire_get_u64(const uint8_t *p)
{
	return wire_get_u32(p) | (uint64_t)wire_get_u32(p + 4) << 32;
}

void frame_put_command_header(uint8_t ret[static FRAME_HEADER_SIZE], uint8_t type,
	uint16_t command, uint8_t stream, uint32_t len)
{
	wire_put_u32(ret, len);
	ret[4] = type;
	ret[5] = stream;
	wire_put_u16(ret + 6, command);
}

void frame_put_header(uint8_t ret[static FRAME_HEADER_SIZE], uint8_t type, uint32_t len)
{
	frame_put_command_header(ret, type, 0, 0, len);
}

long frame_parse(const uint8_t *data, size_t len, struct frame *ret)
{
	uint32_t payload;

	if (len < FRAME_HEADER_SIZE)
		return 0;
	payload = wire_get_u32(data);
	if (payload > FRAME_PAYLOAD_MAX || data[5] >= STREAM_COUNT ||
		wire_get_u16(data + 6) > COMMANDS_MAX)
		return -1;
	if (len - FRAME_HEADER_SIZE < payload)
		return 0;
	*ret = (struct frame){
		.type = data[4],
		.stream = data[5],
		.command = wire_get_u16(data + 6),
		.len = payload,
		.payload = data + FRAME_HEADER_SIZE,
	};
	return FRAME_HEADER_SIZE + payload;
}

bool frame_concerns(const struct frame *f, enum frame_subject subject)
{
	return (f->command != 0) == (subject != OF_THE_MACHINE) &&
		(f->stream == 0 || subject == OF_A_STREAM);
}

size_t frame_want(const uint8_t *data, size_t len)
{
	if (len < FRAME_HEADER_SIZE)
		return FRAME_HEADER_SIZE;
	return FRAME_HEADER_SIZE + wire_get_u32(data);
}

/* Step over n strings. Returns what follows them, or NULL if they do not all end before
 * `end`. */
static const char *skip_strings(const char *s, const char *end, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const char *nul = memchr(s, '\0', end - s);

		if (!nul)
			return NULL;
		s = nul + 1;
	}
	return s;
}

int exec_request_parse(const uint8_t *data, size_t len, struct exec_request *ret)
{
	struct exec_request r;
	const char *strings = (const char *)data + EXEC_FIXED_SIZE;
	const char *end = (const char *)data + len;

	if (len < EXEC_FIXED_SIZE || len > EXEC_REQUEST_MAX)
		return -1;
	r.flags = wire_get_u16(data);
	r.rows = wire_get_u16(data + 2);
	r.columns = wire_get_u16(data + 4);
	r.argc = wire_get_u32(data + 8);
	r.envc = wire_get_u32(data + 12);
	if (r.flags & ~EXEC_FLAGS || wire_get_u16(data + 6) != 0 || r.argc == 0)
		return -1;
	r.cwd = strings;
	r.user = skip_strings(r.cwd, end, 1);
	r.argv = r.user ? skip_strings(r.user, end, 1) : NULL;
	r.env = r.argv ? skip_strings(r.argv, end, r.argc) : NULL;
	if (!r.env || skip_strings(r.env, end, r.envc) != end)
		return -1;
	*ret = r;
	return 0;
}

void resume_request_put(uint8_t ret[static RESUME_SIZE], const struct resume_request *r)
{
	wire_put_u64(ret, r->realtime_ns);
	wire_put_u32(ret + 8, r->disks);
	memcpy(ret + 12, r->seed, RESUME_SEED_SIZE);
	memcpy(ret + 12 + RESUME_SEED_SIZE, r->timezone, TIMEZONE_SIZE);
}

struct resume_request resume_request_get(const uint8_t payload[static RESUME_SIZE])
{
	struct resume_request r = {
		.realtime_ns = wire_get_u64(payload),
		.disks = wire_get_u32(payload + 8),
		.seed = payload + 12,
	};

	memcpy(r.timezone, payload + 12 + RESUME_SEED_SIZE, TIMEZONE_SIZE - 1);
	return r;
}

int attach_request_parse(const uint8_t *data, size_t len, struct attach_request *ret)
{
	struct attach_request r = {0};
	const char **const network[] = {
		&r.address, &r.netmask, &r.gateway, &r.resolver, &r.hosts};
	const char *end = (const char *)data + len;

	if (len < ATTACH_FIXED_SIZE)
		return -1;
	uint16_t flags = wire_get_u16(data);
	const char *s = (const char *)data + ATTACH_FIXED_SIZE;
	if (flags & ~ATTACH_FLAGS)
		return -1;
	r.has_network = flags & ATTACH_NETWORK;
	for (int i = 0; r.has_network && i < 5; i++) {
		*network[i] = s;
		s = skip_strings(s, end, 1);
		if (!s)
			return -1;
	}
	r.n_shares = wire_get_u16(data + 2);
	r.disks = wire_get_u32(data + 4);
	r.shares = s;
	if (skip_strings(s, end, 2 * r.n_shares) != end)
		return -1;
	*ret = r;
	return 0;
}

bool attach_mode_is_served(const char *mode)
{
	return strcmp(mode, ATTACH_MODE_SERVED) == 0 ||
		strcmp(mode, ATTACH_MODE_SERVED_OVERLAY) == 0;
}
