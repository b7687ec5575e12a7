/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a packed memory, whose header comes with a stranger's appliance: no page lies outside
 * of the memory, or of the file. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "appliance/packed-memory.h"
#include "base/io.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct packed_memory *m, size_t size)
{
	uint64_t pages = 0;

	vector_foreach (run, &m->runs) {
		if ((uint64_t)run->first + run->pages > m->pages)
			abort();
		pages += run->pages;
	}
	if (m->data_at + pages * 4096 != size)
		abort();
}

static void read_it(const uint8_t *data, size_t size)
{
	CLEANUP_CLOSE int file = memfd_create("packed", MFD_CLOEXEC);
	struct error err;

	if (file < 0 || io_pwrite_full(file, data, size, 0) < 0)
		abort();
	CLEANUP_CLOSE int memory = packed_memory_read(file, 1 << 20, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packed_memory m;
	uint64_t len;

	if (size >= PACKED_MEMORY_HEADER_SIZE && packed_memory_measure(data, &len) == 0 &&
		len <= size && packed_memory_parse(data, len, size, &m) == 0) {
		check(&m, size);
		packed_memory_done(&m);
	}
	read_it(data, size);
	return 0;
}
