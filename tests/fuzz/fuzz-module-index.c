/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as an index of a kernel's modules. A search in one that is taken has to end. */
#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/module-index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t steps;

static uint32_t number_at(const uint8_t *data, size_t at)
{
	uint32_t n;

	memcpy(&n, data + at, sizeof(n));
	return be32toh(n);
}

/* As libkmod does it for a name with wildcards, which looks at each node. */
static void search(const uint8_t *data, size_t size, uint32_t offset)
{
	const uint8_t *pos = data + (offset & 0x0fffffff);

	if (++steps > size)
		abort();
	if (offset & 0x80000000)
		pos += strlen((const char *)pos) + 1;
	if (!(offset & 0x20000000))
		return;
	for (unsigned n = 0; n <= (unsigned)(pos[1] - pos[0]); n++) {
		uint32_t child = number_at(pos, 2 + n * sizeof(child));
		if (child & 0x0fffffff)
			search(data, size, child);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (module_index_fault(data, size))
		return 0;
	steps = 0;
	if (number_at(data, 8) & 0x0fffffff)
		search(data, size, number_at(data, 8));
	return 0;
}
