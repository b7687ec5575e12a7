/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copying and hashing a VM's RAM are the same walk over its pages. */
#include "cache/ram.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"

#define PAGE_SIZE  4096
#define PIECE_SIZE (1024 * 1024)

#define NOWHERE -1

static bool is_zero(const char *page)
{
	return page[0] == 0 && memcmp(page, page + 1, PAGE_SIZE - 1) == 0;
}

static void add_pages(struct sha256 *ctx, const char *data, size_t len, off_t at)
{
	for (size_t done = 0; done < len; done += PAGE_SIZE) {
		sha256_add_number(ctx, at + done);
		sha256_add(ctx, data + done, PAGE_SIZE);
	}
}

/* Hash, and copy unless `to` is NOWHERE, the runs of pages that are not zero. */
static int take_piece(int to, struct sha256 *ctx, const char *data, size_t len, off_t at)
{
	size_t end;

	for (size_t start = 0; start < len; start = end) {
		bool zero = is_zero(data + start);

		end = start + PAGE_SIZE;
		while (end < len && is_zero(data + end) == zero)
			end += PAGE_SIZE;
		if (zero)
			continue;
		add_pages(ctx, data + start, end - start, at + start);
		if (to != NOWHERE &&
			io_pwrite_full(to, data + start, end - start, at + start) < 0)
			return -1;
	}
	return 0;
}

/* Read pages; what the last one lacks is zero. */
static int read_pages(int fd, char *buffer, size_t len, off_t at)
{
	ssize_t n = io_pread_full(fd, buffer, len, at);

	if (n >= 0 && len - n >= PAGE_SIZE)
		errno = EIO;
	if (n < 0 || len - n >= PAGE_SIZE)
		return -1;
	memset(buffer + n, 0, len - n);
	return 0;
}

/* On file systems that have holes, these begin and end with pages. Only the file's end may be
 * within one. */
static int walk(int from, int to, struct sha256 *ctx)
{
	CLEANUP_FREE char *buffer = xmalloc(PIECE_SIZE);
	off_t end;

	for (off_t at = 0; (at = lseek(from, at, SEEK_DATA)) >= 0; at = end) {
		end = lseek(from, at, SEEK_HOLE);
		end = (end + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
		if (at % PAGE_SIZE) {
			errno = EINVAL;
			return -1;
		}
		for (off_t done = at; done < end;) {
			size_t len = MIN(end - done, PIECE_SIZE);
			if (read_pages(from, buffer, len, done) < 0 ||
				take_piece(to, ctx, buffer, len, done) < 0)
				return -1;
			done += len;
		}
	}
	return errno == ENXIO ? 0 : -1; /* no data behind here */
}

int ram_copy(int from, int to, char ret_digest[static SHA256_HEX_LEN + 1])
{
	struct stat st;
	struct sha256 ctx;

	sha256_start(&ctx);
	if (fstat(from, &st) < 0 || ftruncate(to, st.st_size) < 0 ||
		walk(from, to, &ctx) < 0)
		return -1;
	sha256_end_hex(&ctx, ret_digest);
	return 0;
}

int ram_digest(int fd, char ret_digest[static SHA256_HEX_LEN + 1])
{
	struct sha256 ctx;

	sha256_start(&ctx);
	if (walk(fd, NOWHERE, &ctx) < 0)
		return -1;
	sha256_end_hex(&ctx, ret_digest);
	return 0;
}
