/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SHA-256 of fields and files. */
#include "base/sha256.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/version.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/io.h"
#include "base/mem.h"

#define BUFFER_SIZE (128 * 1024)

void sha256_start(struct sha256 *s)
{
	sha256_init(&s->state);
}

void sha256_add(struct sha256 *s, const void *data, size_t len)
{
	sha256_update(&s->state, len, data);
}

void sha256_add_number(struct sha256 *s, uint64_t number)
{
	const uint64_t le = htole64(number);

	sha256_add(s, &le, sizeof(le));
}

void sha256_add_field(struct sha256 *s, const void *data, size_t len)
{
	sha256_add_number(s, len);
	sha256_add(s, data, len);
}

void sha256_add_string(struct sha256 *s, const char *text)
{
	sha256_add_field(s, text, strlen(text));
}

void sha256_end(struct sha256 *s, uint8_t ret[static SHA256_LEN])
{
#if NETTLE_VERSION_MAJOR >= 4
	sha256_digest(&s->state, ret);
#else
	sha256_digest(&s->state, SHA256_LEN, ret);
#endif
}

void sha256_end_hex(struct sha256 *s, char ret[static SHA256_HEX_LEN + 1])
{
	uint8_t sum[SHA256_LEN];

	sha256_end(s, sum);
	hex_encode(sum, sizeof(sum), ret);
}

int sha256_file(int fd, char ret[static SHA256_HEX_LEN + 1])
{
	CLEANUP_FREE uint8_t *buffer = xmalloc(BUFFER_SIZE);
	struct sha256 s;
	off_t at = 0;
	ssize_t n;

	sha256_start(&s);
	while ((n = io_pread_full(fd, buffer, BUFFER_SIZE, at)) > 0) {
		sha256_add(&s, buffer, n);
		at += n;
	}
	if (n < 0)
		return -1;
	sha256_end_hex(&s, ret);
	return 0;
}

int sha256_add_file(struct sha256 *s, const char *path, struct error *err)
{
	char digest[SHA256_HEX_LEN + 1];
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || sha256_file(fd, digest) < 0)
		return error_set(err, errno, "read '%s'", path);
	sha256_add_string(s, digest);
	return 0;
}

bool sha256_is_hex(const char *s)
{
	return strspn(s, HEX_DIGITS) == SHA256_HEX_LEN && s[SHA256_HEX_LEN] == '\0';
}
