/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which nodes there are, by number and by name: nodes.h. node-open.c reaches their files. */
#include "share/nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>

/* FNV-1a, over the parent's number and the name. */
static size_t hash(const struct node *parent, const char *name)
{
	uint64_t h = 0xcbf29ce484222325 ^ (parent->id * 0x9e3779b97f4a7c15);

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3;
	return h ^ h >> 32;
}

static struct node **bucket(
	const struct nodes *t, const struct node *parent, const char *name)
{
	return &t->buckets[hash(parent, name) & (t->bucket_count - 1)];
}

static void insert(struct nodes *t, struct node *n)
{
	struct node **b = bucket(t, n->parent, n->name);

	n->next_in_bucket = *b;
	*b = n;
}

static void grow_buckets(struct nodes *t)
{
	free(t->buckets);
	t->bucket_count = t->bucket_count ? t->bucket_count * 2 : 1024;
	t->buckets = xcalloc(t->bucket_count, sizeof(t->buckets[0]));
	vector_foreach (n, &t->by_id)
		if (*n && (*n)->name)
			insert(t, *n);
}

static struct node *add(struct nodes *t, struct node *parent, const char *name)
{
	struct node *n = xcalloc(1, sizeof(*n));

	if (t->free_ids.len > 0) {
		n->id = t->free_ids.items[--t->free_ids.len];
	} else {
		n->id = t->by_id.len;
		vector_push(&t->by_id, NULL);
	}
	t->by_id.items[n->id] = n;
	n->generation = t->generation++;
	n->fd = -1;
	t->count++;
	if (parent) {
		n->parent = parent;
		n->name = xstrdup(name);
		n->share = parent->share;
		parent->users++;
		if (t->count > t->bucket_count)
			grow_buckets(t);
		else
			insert(t, n);
	}
	return n;
}

void nodes_init(struct nodes *t, size_t descriptors)
{
	*t = (struct nodes){
		.open_max = MIN(MAX(descriptors / 2, 8), 1024),
		.pinned_max = descriptors / 2,
	};
	grow_buckets(t);
	/* There is no node 0: it means "no such file". */
	vector_push(&t->by_id, NULL);
	struct node *root = add(t, NULL, NULL);
	root->type = S_IFDIR;
	root->fixed = true;
}

void nodes_done(struct nodes *t)
{
	vector_foreach (n, &t->by_id) {
		if (!*n)
			continue;
		/* A share's descriptor is the caller's. */
		if ((*n)->fd >= 0 && !(*n)->fixed)
			close((*n)->fd);
		free((*n)->name);
		free(*n);
	}
	vector_done(&t->by_id);
	vector_done(&t->free_ids);
	free(t->buckets);
	*t = (struct nodes){0};
}

struct node *nodes_get(const struct nodes *t, uint64_t id)
{
	struct node *n = id < t->by_id.len ? t->by_id.items[id] : NULL;

	return n && (n->fixed || n->lookups > 0) ? n : NULL;
}

struct node *nodes_find(
	const struct nodes *t, const struct node *parent, const char *name)
{
	struct node *n = *bucket(t, parent, name);

	while (n && (n->parent != parent || strcmp(n->name, name) != 0))
		n = n->next_in_bucket;
	return n;
}

/* Take the name from it. */
static void unname(struct nodes *t, struct node *n)
{
	struct node **at = bucket(t, n->parent, n->name);

	while (*at != n)
		at = &(*at)->next_in_bucket;
	*at = n->next_in_bucket;
	free(n->name);
	n->name = NULL;
	n->parent->users--;
	n->parent = NULL;
}

/* Free it if nothing knows it, and then perhaps the directories above it. */
static void free_unknown(struct nodes *t, struct node *n)
{
	while (n && !n->fixed && n->lookups == 0 && n->users == 0) {
		struct node *parent = n->parent;

		if (n->name)
			unname(t, n);
		nodes_close(t, n);
		t->by_id.items[n->id] = NULL;
		vector_push(&t->free_ids, n->id);
		t->count--;
		free(n);
		n = parent;
	}
}

struct node *nodes_add_share(
	struct nodes *t, const char *name, unsigned share, int fd, const struct stat *st)
{
	struct node *n = add(t, t->by_id.items[FUSE_ROOT_ID], name);

	n->fixed = true;
	n->share = share;
	n->fd = fd;
	n->dev = st->st_dev;
	n->ino = st->st_ino;
	n->type = S_IFDIR;
	return n;
}

/* Whether the file at the node's name is still the one that the guest knows. A guest's
 * kernel keeps a link's target as long as the node, and a new link may well get the number
 * of the removed one. */
static bool is_known(const struct node *n, const struct stat *st)
{
	if (n->dev != st->st_dev || n->ino != st->st_ino ||
		n->type != (st->st_mode & S_IFMT))
		return false;
	return n->type != S_IFLNK ||
		(n->seen_ctime.tv_sec == st->st_ctim.tv_sec &&
			n->seen_ctime.tv_nsec == st->st_ctim.tv_nsec);
}

struct node *nodes_tell(
	struct nodes *t, struct node *parent, const char *name, const struct stat *st)
{
	struct node *n = nodes_find(t, parent, name);

	if (n && !is_known(n, st)) {
		nodes_detach(t, n);
		n = NULL;
	}
	if (!n) {
		if (t->count >= NODES_MAX)
			return NULL;
		n = add(t, parent, name);
		n->dev = st->st_dev;
		n->ino = st->st_ino;
		n->type = st->st_mode & S_IFMT;
		if (n->type == S_IFLNK)
			n->seen_ctime = st->st_ctim;
	}
	n->lookups++;
	return n;
}

void nodes_forget(struct nodes *t, struct node *n, uint64_t lookups)
{
	n->lookups -= MIN(n->lookups, lookups);
	free_unknown(t, n);
}

void nodes_use(struct node *n)
{
	n->users++;
}

void nodes_unuse(struct nodes *t, struct node *n)
{
	n->users--;
	free_unknown(t, n);
}

void nodes_detach(struct nodes *t, struct node *n)
{
	struct node *parent = n->parent;

	unname(t, n);
	free_unknown(t, n);
	free_unknown(t, parent);
}

void nodes_move(struct nodes *t, struct node *n, struct node *parent, const char *name)
{
	struct node *old = n->parent;

	unname(t, n);
	n->parent = parent;
	n->name = xstrdup(name);
	parent->users++;
	insert(t, n);
	free_unknown(t, old);
}

bool nodes_is_above(const struct node *n, const struct node *below)
{
	while (below && below != n)
		below = below->parent;
	return below;
}
