/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is open: handles.h. */
#include "share/handles.h"

void handles_init(struct handles *t, size_t max)
{
	*t = (struct handles){.max = max};
}

static void free_handle(struct handle *h)
{
	if (h->fd >= 0)
		close(h->fd);
	free(h);
}

void handles_done(struct handles *t)
{
	vector_foreach (h, &t->by_id)
		if (*h)
			free_handle(*h);
	vector_done(&t->by_id);
	vector_done(&t->free_ids);
	t->count = 0;
}

struct handle *handles_add(struct handles *t, struct node *n, int fd, bool directory)
{
	struct handle *h;

	if (t->count >= t->max) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	h = xcalloc(1, sizeof(*h));
	if (t->free_ids.len > 0) {
		h->id = t->free_ids.items[--t->free_ids.len];
	} else {
		h->id = t->by_id.len;
		vector_push(&t->by_id, NULL);
	}
	t->by_id.items[h->id] = h;
	t->count++;
	h->node = n;
	h->fd = fd;
	h->directory = directory;
	h->next = n->handles;
	n->handles = h;
	nodes_use(n);
	return h;
}

struct handle *handles_get(
	const struct handles *t, uint64_t id, uint64_t node, bool directory)
{
	struct handle *h = id < t->by_id.len ? t->by_id.items[id] : NULL;

	return h && h->node->id == node && h->directory == directory ? h : NULL;
}

void handles_close(struct handles *t, struct nodes *nodes, struct handle *h)
{
	struct node *n = h->node;
	struct handle **at = &n->handles;

	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	t->by_id.items[h->id] = NULL;
	vector_push(&t->free_ids, h->id);
	t->count--;
	free_handle(h);
	nodes_unuse(nodes, n);
}
