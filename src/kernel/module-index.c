/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * depmod's index: a tree of characters, in which a search follows a name. Numbers are
 * big-endian:
 *
 *	0xB007F457 │ version │ offset of the root and its parts │ nodes
 *
 *	node:  prefix, up to a NUL       if the offset has the bit PREFIX
 *	       first, last               if it has CHILDREN: two characters
 *	       last - first + 1 offsets  of the nodes for these characters; 0: there is none
 *	       number of values          if it has VALUES
 *	       values                    each a priority and a text up to a NUL
 *
 * libkmod believes all of it: a file can send it in a circle, or have it allocate four billion
 * values. In a file of depmod's no two nodes share a byte. So a search in one whose nodes have no
 * more bytes than the file itself takes no longer than reading that.
 */
#include "kernel/module-index.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#define MAGIC	      0xB007F457
#define VERSION_MAJOR 2

#define OFFSET_MASK 0x0FFFFFFF
#define CHILDREN    0x20000000
#define VALUES	    0x40000000
#define PREFIX	    0x80000000

/* libkmod calls itself for each level. No name of a module or of hardware is as long. */
#define DEPTH_MAX 1024

struct walk {
	const uint8_t *data;
	size_t len;
	/* How many bytes further nodes may have. */
	size_t left;
};

/* Moves on behind it. */
static bool read_number(const struct walk *w, size_t *at, uint32_t *ret)
{
	if (w->len - *at < sizeof(*ret))
		return false;
	memcpy(ret, w->data + *at, sizeof(*ret));
	*ret = be32toh(*ret);
	*at += sizeof(*ret);
	return true;
}

static bool skip_text(const struct walk *w, size_t *at)
{
	const uint8_t *nul = memchr(w->data + *at, '\0', w->len - *at);

	if (!nul)
		return false;
	*at = nul + 1 - w->data;
	return true;
}

static bool skip_values(const struct walk *w, size_t *at)
{
	uint32_t n, priority;

	if (!read_number(w, at, &n))
		return false;
	for (; n; n--)
		if (!read_number(w, at, &priority) || !skip_text(w, at))
			return false;
	return true;
}

static const char *walk_node(struct walk *w, uint32_t offset, unsigned depth);

/* `at` is where their offsets are. */
static const char *walk_children(struct walk *w, size_t at, unsigned n, unsigned depth)
{
	const char *fault = NULL;
	uint32_t child;

	while (!fault && n-- && read_number(w, &at, &child))
		if (child & OFFSET_MASK)
			fault = walk_node(w, child, depth + 1);
	return fault;
}

static const char *walk_node(struct walk *w, uint32_t offset, unsigned depth)
{
	static const char cut_off[] = "it is cut off";
	size_t start = offset & OFFSET_MASK, at = start, offsets = 0;
	unsigned n_children = 0;

	if (start > w->len)
		return cut_off;
	if (offset & PREFIX && !skip_text(w, &at))
		return cut_off;
	if (offset & CHILDREN) {
		if (w->len - at < 2)
			return cut_off;
		uint8_t first = w->data[at], last = w->data[at + 1];
		if (first > last || last > 127)
			return "characters of it are none";
		n_children = last - first + 1;
		offsets = at + 2;
		if ((w->len - offsets) / sizeof(uint32_t) < n_children)
			return cut_off;
		at = offsets + n_children * sizeof(uint32_t);
	}
	if (offset & VALUES && !skip_values(w, &at))
		return cut_off;
	if (depth > DEPTH_MAX || at - start > w->left)
		return "it leads in a circle";
	w->left -= at - start;
	return walk_children(w, offsets, n_children, depth);
}

const char *module_index_fault(const uint8_t *data, size_t len)
{
	struct walk w = {.data = data, .len = len, .left = len};
	uint32_t magic, version, root;
	size_t at = 0;

	if (!read_number(&w, &at, &magic) || magic != MAGIC)
		return "it is no index";
	if (!read_number(&w, &at, &version) || version >> 16 != VERSION_MAJOR)
		return "it has an unknown version";
	if (!read_number(&w, &at, &root))
		return "it is cut off";
	return root & OFFSET_MASK ? walk_node(&w, root, 0) : NULL;
}
