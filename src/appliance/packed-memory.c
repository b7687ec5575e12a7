/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Both directions go through one buffer, since the checksum has to see all of it. */
#include "appliance/packed-memory.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/mem.h"

#define PAGE_SIZE    4096
#define BUFFER_PAGES 64
/* Of the largest VM there is. */
#define RUNS_MAX (1u << 26)

static const char magic[8] = "hmin-mem";

/* ---- The checksum ---- */

/* Each step is a bijection of the sum, so a change of one word always shows. Four sums, for
 * a processor to make at once. */
struct sums {
	uint64_t lanes[4];
};

#define SUMS_INIT                  \
	{                          \
		{                  \
			1, 2, 3, 4 \
		}                  \
	}

/* Of a multiple of 32 bytes. */
static void sums_add(struct sums *s, const uint8_t *data, size_t len)
{
	const uint64_t prime = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t words[4];

	for (size_t at = 0; at < len; at += sizeof(words)) {
		memcpy(words, data + at, sizeof(words));
		for (int i = 0; i < 4; i++) {
			uint64_t sum = (s->lanes[i] ^ le64toh(words[i])) * prime;
			s->lanes[i] = sum << 29 | sum >> 35;
		}
	}
}

static uint64_t sums_end(const struct sums *s)
{
	struct sums all = SUMS_INIT;
	uint8_t bytes[sizeof(s->lanes)];

	for (int i = 0; i < 4; i++) {
		uint64_t le = htole64(s->lanes[i]);
		memcpy(bytes + 8 * i, &le, 8);
	}
	sums_add(&all, bytes, sizeof(bytes));
	return all.lanes[0] ^ all.lanes[1] ^ all.lanes[2] ^ all.lanes[3];
}

/* Behind the checksum itself. The header fills whole pages. */
static void sums_add_header(struct sums *s, const uint8_t *header, size_t len)
{
	uint8_t first[32] = {0};

	memcpy(first, header + 16, 16);
	sums_add(s, first, sizeof(first));
	sums_add(s, header + 32, len - 32);
}

/* ---- The header ---- */

static uint32_t get_u32(const uint8_t *p)
{
	uint32_t le;

	memcpy(&le, p, sizeof(le));
	return le32toh(le);
}

static void put_u32(uint8_t *p, uint32_t value)
{
	const uint32_t le = htole32(value);

	memcpy(p, &le, sizeof(le));
}

static uint64_t header_len(uint32_t runs)
{
	return (PACKED_MEMORY_HEADER_SIZE + UINT64_C(8) * runs + PAGE_SIZE - 1) /
		PAGE_SIZE * PAGE_SIZE;
}

int packed_memory_measure(
	const uint8_t header[static PACKED_MEMORY_HEADER_SIZE], uint64_t *ret_len)
{
	uint32_t runs = get_u32(header + 20);

	if (memcmp(header, magic, sizeof(magic)) != 0 || runs > RUNS_MAX)
		return -1;
	*ret_len = header_len(runs);
	return 0;
}

int packed_memory_parse(
	const uint8_t *header, size_t len, uint64_t file_size, struct packed_memory *ret)
{
	uint64_t expected, end = 0, pages = 0;

	if (len < PACKED_MEMORY_HEADER_SIZE ||
		packed_memory_measure(header, &expected) < 0 || len != expected)
		return -1;
	struct packed_memory m = {.pages = get_u32(header + 16), .data_at = len};
	memcpy(&m.checksum, header + 8, 8);
	m.checksum = le64toh(m.checksum);
	for (uint32_t i = 0; i < get_u32(header + 20); i++) {
		const uint8_t *p = header + PACKED_MEMORY_HEADER_SIZE + (size_t)8 * i;
		const struct packed_run run = {get_u32(p), get_u32(p + 4)};
		/* In order, and none in another. */
		if (run.first < end || run.pages == 0 ||
			(uint64_t)run.first + run.pages > m.pages)
			break;
		end = (uint64_t)run.first + run.pages;
		pages += run.pages;
		vector_push(&m.runs, run);
	}
	if (m.runs.len != get_u32(header + 20) || len + pages * PAGE_SIZE != file_size) {
		packed_memory_done(&m);
		return -1;
	}
	*ret = m;
	return 0;
}

void packed_memory_done(struct packed_memory *m)
{
	vector_done(&m->runs);
}

/* ---- Writing ---- */

static bool is_zero(const uint8_t *page)
{
	return page[0] == 0 && memcmp(page, page + 1, PAGE_SIZE - 1) == 0;
}

static void add_page(struct packed_memory *m, uint32_t page)
{
	struct packed_run *last = m->runs.len ? &m->runs.items[m->runs.len - 1] : NULL;

	if (last && last->first + last->pages == page)
		last->pages++;
	else
		vector_push(&m->runs, (struct packed_run){page, 1});
}

static int find_runs(int from, uint64_t size, struct packed_memory *m)
{
	CLEANUP_FREE uint8_t *buffer = xmalloc(BUFFER_PAGES * PAGE_SIZE);
	off_t at = 0, end;
	int result;

	for (; (result = file_next_data(from, &at, &end, size)) > 0; at = end) {
		at = at / PAGE_SIZE * PAGE_SIZE;
		end = MIN((end + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE,
			at + BUFFER_PAGES * PAGE_SIZE);
		ssize_t n = io_pread_full(from, buffer, end - at, at);
		if (n >= 0 && n < end - at)
			errno = EIO;
		if (n != end - at)
			return -1;
		for (off_t i = 0; i < end - at; i += PAGE_SIZE)
			if (!is_zero(buffer + i))
				add_page(m, (at + i) / PAGE_SIZE);
	}
	return result;
}

/* Move the pages of the runs between the file that has all of them, at their addresses, and the
 * one that is packed. */
static int move_pages(
	const struct packed_memory *m, int from, int to, bool packs, struct sums *sums)
{
	CLEANUP_FREE uint8_t *buffer = xmalloc(BUFFER_PAGES * PAGE_SIZE);
	uint64_t packed_at = m->data_at;

	vector_foreach (run, &m->runs) {
		uint64_t at = (uint64_t)run->first * PAGE_SIZE;
		for (uint64_t left = (uint64_t)run->pages * PAGE_SIZE; left > 0;) {
			size_t len = MIN(left, (uint64_t)BUFFER_PAGES * PAGE_SIZE);
			ssize_t n =
				io_pread_full(from, buffer, len, packs ? at : packed_at);
			if (n >= 0 && (size_t)n < len)
				errno = EIO;
			if (n != (ssize_t)len ||
				io_pwrite_full(to, buffer, len, packs ? packed_at : at) <
					0)
				return -1;
			sums_add(sums, buffer, len);
			at += len;
			packed_at += len;
			left -= len;
		}
	}
	return 0;
}

static int write_packed(int from, int to, struct packed_memory *m)
{
	struct sums sums = SUMS_INIT;

	m->data_at = header_len(m->runs.len);
	CLEANUP_FREE uint8_t *header = xcalloc(m->data_at, 1);
	memcpy(header, magic, sizeof(magic));
	put_u32(header + 16, m->pages);
	put_u32(header + 20, m->runs.len);
	for (size_t i = 0; i < m->runs.len; i++) {
		uint8_t *p = header + PACKED_MEMORY_HEADER_SIZE + 8 * i;
		put_u32(p, m->runs.items[i].first);
		put_u32(p + 4, m->runs.items[i].pages);
	}
	sums_add_header(&sums, header, m->data_at);
	if (move_pages(m, from, to, true, &sums) < 0)
		return -1;
	const uint64_t checksum = htole64(sums_end(&sums));
	memcpy(header + 8, &checksum, sizeof(checksum));
	return io_pwrite_full(to, header, m->data_at, 0);
}

int packed_memory_write(int from, int to, struct error *err)
{
	struct packed_memory m = {0};
	struct stat st;

	if (fstat(from, &st) < 0)
		return error_set(err, errno, "look at the VM's memory");
	m.pages = st.st_size / PAGE_SIZE;
	int result = find_runs(from, st.st_size, &m);
	if (result == 0)
		result = write_packed(from, to, &m);
	int num = errno;
	packed_memory_done(&m);
	return result < 0 ? error_set(err, num, "write the VM's memory") : 0;
}

/* ---- Reading ---- */

/* -1, and errno is 0: it is not what was written. */
static int read_header(int from, struct packed_memory *ret, struct sums *sums)
{
	uint8_t start[PACKED_MEMORY_HEADER_SIZE];
	struct stat st;
	uint64_t len;

	errno = 0;
	if (fstat(from, &st) < 0 ||
		io_pread_full(from, start, sizeof(start), 0) != sizeof(start))
		return -1;
	if (packed_memory_measure(start, &len) < 0 || len > (uint64_t)st.st_size)
		return -1;
	CLEANUP_FREE uint8_t *header = xmalloc(len);
	if (io_pread_full(from, header, len, 0) != (ssize_t)len)
		return -1;
	sums_add_header(sums, header, len);
	return packed_memory_parse(header, len, st.st_size, ret);
}

static int unpack(int from, const struct packed_memory *m, uint64_t size,
	struct sums *sums, struct error *err)
{
	CLEANUP_CLOSE int to = file_in_memory("ram", size, err);

	if (to < 0)
		return -1;
	if ((uint64_t)m->pages * PAGE_SIZE != size)
		return error_set(err, 0, "the VM's memory is of another size");
	if (move_pages(m, from, to, false, sums) < 0)
		return error_set(err, errno, "read the VM's memory");
	if (sums_end(sums) != m->checksum)
		return error_set(err, 0, "the VM's memory does not have its checksum");
	return TAKE_FD(to);
}

int packed_memory_read(int from, uint64_t size, struct error *err)
{
	struct sums sums = SUMS_INIT;
	struct packed_memory m;

	if (read_header(from, &m, &sums) < 0)
		return error_set(err, errno, "read the VM's memory: it is damaged");
	int fd = unpack(from, &m, size, &sums, err);
	packed_memory_done(&m);
	return fd;
}
