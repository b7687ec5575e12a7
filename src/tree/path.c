/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Single paths of the host, by the thousand: what packages own. Most of a path is the
 * same as the last one's, so each ancestor is looked at once and kept as a *place*: the
 * directory it leads to on the host, and the one in the tree. Both are resolved below
 * their own root, separately: the tree may have a real `lib` where the host has a
 * symlink.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "tree/host.h"

struct place {
	const struct host_dir *host;
	struct tree_inode *dir;
};

struct path_cache {
	struct tree *t;
	char *root_path;
	const struct host_dir *root;
	uint64_t epoch;
	struct strmap places; /* by path from the root, as it was spelled */
	/* The directory last looked into, still open. */
	struct host_at at;
};

static void leave(struct path_cache *c)
{
	if (c->at.fd >= 0)
		close(c->at.fd);
	free(c->at.path);
	c->at = (struct host_at){.fd = -1};
}

static void forget(struct path_cache *c)
{
	strmap_done(&c->places);
	leave(c);
}

void path_cache_free(struct path_cache *c)
{
	if (!c)
		return;
	forget(c);
	free(c->root_path);
	free(c);
}

static struct path_cache *get_cache(struct tree *t, const char *root, struct error *err)
{
	struct path_cache *c = t->path_cache;

	if (!c || strcmp(c->root_path, root) != 0) {
		const struct host_dir *d = host_root_open(t, root, err);
		if (!d)
			return NULL;
		path_cache_free(c);
		c = t->path_cache = xcalloc(1, sizeof(*c));
		*c = (struct path_cache){
			.t = t, .root_path = xstrdup(root), .root = d, .at.fd = -1};
	}
	if (c->epoch != t->epoch)
		forget(c);
	c->epoch = t->epoch;
	return c;
}

static int enter(struct path_cache *c, const struct host_dir *d, struct error *err)
{
	int fd;

	if (c->at.dir == d)
		return 0;
	if (host_dir_open(d, O_PATH, &fd, err))
		return -1;
	leave(c);
	c->at = (struct host_at){.dir = d, .fd = fd, .path = host_full_path(d, NULL)};
	/* A third of the cost of going through /proc, and these directories are the
	 * system's own. */
	if (strlen(c->at.path) + NAME_MAX + 2 > PATH_MAX) {
		free(c->at.path);
		c->at.path = host_fd_path(d, fd);
	}
	return 0;
}

static int get_place(struct path_cache *c, const char *path, size_t len, unsigned *links,
	struct place *ret, struct error *err);

/* Where a symlink in `from` leads on the host; adds what is on the way. */
static int follow(struct path_cache *c, const struct place *from, const char *target,
	unsigned *links, struct place *ret, struct error *err)
{
	CLEANUP_STRBUF struct strbuf path = {0};

	if (++*links > TREE_LINKS_MAX)
		return error_set(err, ELOOP, "follow symlink to '%s'", target);
	if (target[0] != '/') {
		host_dir_path(&path, from->host);
		strbuf_addc(&path, '/');
	}
	strbuf_adds(&path, target);
	if (path.len > 2 * PATH_MAX)
		return error_set(err, ENAMETOOLONG, "follow symlink to '%s'", target);
	return get_place(c, path.data, path.len, links, ret, err);
}

/* An ancestor that the tree has is left as it is: a directory, or a symlink for the tree
 * to follow. */
static int add_ancestor(struct path_cache *c, const struct place *parent,
	const char *name, const struct stat *st, struct error *err)
{
	const struct tree_entry *e = tree_dir_find(parent->dir->dir, name, strlen(name));
	struct tree_inode *ignored;

	if (e && e->inode && (S_ISDIR(e->inode->mode) || S_ISLNK(e->inode->mode)))
		return 0;
	return host_put_node(c->t, &c->at, name, st, parent->dir, &ignored, err);
}

static int descend(struct path_cache *c, const struct place *parent, const char *name,
	unsigned *links, struct place *ret, struct error *err)
{
	char target[TREE_TARGET_MAX + 1];
	struct place to = {0};
	struct stat st;

	if (enter(c, parent->host, err))
		return -1;
	int r = host_stat(c->t, &c->at, name, &st, err);
	if (r)
		return r;
	if (!S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode))
		return 1;
	r = add_ancestor(c, parent, name, &st, err);
	if (r)
		return r;
	if (S_ISLNK(st.st_mode)) {
		ssize_t len = readlinkat(c->at.fd, name, target, sizeof(target) - 1);
		if (len < 0)
			return host_skip(c->t, c->at.dir, name, errno, err);
		target[len] = '\0';
		r = follow(c, parent, target, links, &to, err);
		if (r)
			return r;
	} else {
		to.host = host_dir_new(c->t, parent->host, name, &st);
	}
	if (tree_walk_dir(
		    c->t, parent->dir, name, strlen(name), TREE_WALK_MAKE, &to.dir, err))
		return -1;
	*ret = to;
	return 0;
}

static int step(struct path_cache *c, const struct place *parent, const char *name,
	size_t len, unsigned *links, struct place *ret, struct error *err)
{
	char copy[NAME_MAX + 1];

	if (len == 0 || (len == 1 && name[0] == '.')) {
		*ret = *parent;
		return 0;
	}
	if (len == 2 && memcmp(name, "..", 2) == 0) {
		ret->host = parent->host->parent ? parent->host->parent : parent->host;
		ret->dir = parent->dir->dir->parent;
		return 0;
	}
	if (len > NAME_MAX)
		return 1;
	memcpy(copy, name, len);
	copy[len] = '\0';
	return descend(c, parent, copy, links, ret, err);
}

static size_t parent_len(const char *path, size_t len)
{
	while (len > 0 && path[len - 1] != '/')
		len--;
	return len;
}

/* The place a path leads to; 1 if there is none on the host. */
static int get_place(struct path_cache *c, const char *path, size_t len, unsigned *links,
	struct place *ret, struct error *err)
{
	struct place parent;

	while (len > 0 && path[len - 1] == '/')
		len--;
	if (len == 0) {
		*ret = (struct place){.host = c->root, .dir = c->t->root};
		return 0;
	}
	const struct place *known = strmap_get_len(&c->places, path, len);
	if (known) {
		*ret = *known;
		return 0;
	}
	size_t start = parent_len(path, len);
	int r = get_place(c, path, start, links, &parent, err);
	if (r == 0)
		r = step(c, &parent, path + start, len - start, links, ret, err);
	if (r)
		return r;
	struct place *kept = arena_alloc(&c->t->arena, sizeof(*kept));
	*kept = *ret;
	strmap_put(&c->places, arena_strndup(&c->t->arena, path, len), kept);
	return 0;
}

/* The path names a directory by itself: the root, or something that ends in a dot. */
static int add_place(struct path_cache *c, const struct place *place, struct error *err)
{
	struct tree_inode node;
	struct stat st;

	int r = host_stat(c->t, &c->at, ".", &st, err);
	if (r == 0)
		r = host_read_node(c->t, &c->at, ".", &st, &node, err);
	if (r == 0)
		tree_update_dir(c->t, place->dir, &node);
	return r;
}

static int add_path(struct path_cache *c, const char *path, struct error *err)
{
	struct tree_inode *inode;
	struct place place;
	unsigned links = 0;
	struct stat st;

	size_t len = strlen(path);
	while (len > 0 && path[len - 1] == '/')
		len--;
	CLEANUP_FREE char *name =
		xstrndup(path + parent_len(path, len), len - parent_len(path, len));
	bool is_place =
		name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
	int r = get_place(
		c, path, is_place ? len : parent_len(path, len), &links, &place, err);
	if (r == 0)
		r = enter(c, place.host, err);
	if (r)
		return r;
	if (is_place)
		return add_place(c, &place, err);
	r = host_stat(c->t, &c->at, name, &st, err);
	return r ? r : host_put_node(c->t, &c->at, name, &st, place.dir, &inode, err);
}

int tree_add_path(struct tree *t, const char *root, const char *path, struct error *err)
{
	if (strlen(path) >= PATH_MAX)
		return error_set(err, ENAMETOOLONG, "add '%.60s…'", path);
	struct path_cache *c = get_cache(t, root, err);
	return c ? add_path(c, path, err) : -1;
}
