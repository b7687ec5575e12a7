/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Single paths of the host, by the thousand: the files of packages. Most of a path is the
 * same as the last one's, so each ancestor is looked up once and kept as a *place*: the
 * directory it leads to on the host, and the one in the tree. The two are resolved
 * separately, each below its own root: the tree may have a real `lib` where the host has a
 * symlink.
 */
#include "tree/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/path.h"
#include "tree/host.h"
#include "tree/put.h"
#include "tree/resolve.h"

struct place {
	const struct host_dir *host;
	struct tree_inode *dir;
};

struct path_cache {
	struct tree *t;
	char *root_path;
	const struct host_dir *root;
	uint64_t epoch;
	/* By path from the root, as it was spelled. */
	struct strmap places;
	/* The directory that was used last, still open. */
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
	if (host_dir_open(d, O_PATH, &fd, err) < 0)
		return -1;
	leave(c);
	c->at = (struct host_at){.dir = d, .fd = fd, .path = host_full_path(d, NULL)};
	/* A plain path takes a third of the time of one through /proc, and may be used here
	 * since these are the system's own directories. */
	if (strlen(c->at.path) + NAME_MAX + 2 > PATH_MAX) {
		free(c->at.path);
		c->at.path = host_fd_path(d, fd);
	}
	return 0;
}

static size_t parent_len(const char *path, size_t len)
{
	while (len > 0 && path[len - 1] != '/')
		len--;
	return len;
}

struct walk {
	struct path_cache *c;
	/* Symlinks followed so far. */
	unsigned links;
	struct error *err;
};

static enum tree_result get_place(
	struct walk *w, const char *path, size_t len, struct place *ret);

/* Where a symlink in `from` leads; adds the directories on the way. */
static enum tree_result follow(
	struct walk *w, const struct place *from, const char *name, struct place *ret)
{
	CLEANUP_STRBUF struct strbuf path = {0};
	char target[TREE_TARGET_MAX + 1];
	struct host_at *at = &w->c->at;

	ssize_t len = readlinkat(at->fd, name, target, sizeof(target) - 1);
	if (len < 0)
		return host_skip(w->c->t, at->dir, name, errno, w->err);
	target[len] = '\0';
	if (++w->links > TREE_LINKS_MAX)
		return error_set(w->err, ELOOP, "follow symlink to '%s'", target);
	if (target[0] != '/') {
		host_dir_path(&path, from->host);
		strbuf_addc(&path, '/');
	}
	strbuf_adds(&path, target);
	if (path.len > 2 * PATH_MAX)
		return error_set(w->err, ENAMETOOLONG, "follow symlink to '%s'", target);
	return get_place(w, path.data, path.len, ret);
}

/* The place of a name in `parent`, which is added if the tree has no such directory. */
static enum tree_result descend(
	struct walk *w, const struct place *parent, const char *name, struct place *ret)
{
	const struct tree_spot spot = {parent->dir, name, strlen(name)};
	struct path_cache *c = w->c;
	struct tree_inode *inode = node_at(&spot);
	struct place to = {0};
	struct host_name file;

	if (enter(c, parent->host, w->err) < 0)
		return TREE_FAILED;
	enum tree_result r = host_stat(c->t, &c->at, name, &file, w->err);
	if (r != TREE_DONE)
		return r;
	if (!S_ISDIR(file.st.st_mode) && !S_ISLNK(file.st.st_mode))
		return TREE_ABSENT;
	/* What the tree has stays: a directory, or a symlink that the tree follows. */
	if (!inode || (!S_ISDIR(inode->mode) && !S_ISLNK(inode->mode)))
		r = host_put_node(c->t, &file, &spot, &inode, w->err);
	if (r == TREE_DONE && S_ISLNK(file.st.st_mode))
		r = follow(w, parent, name, &to);
	else
		to.host = host_dir_new(c->t, parent->host, name, &file.st);
	if (r != TREE_DONE)
		return r;
	if (resolve_dir(c->t, TREE_WALK_MAKE, &spot, &to.dir, w->err) != TREE_DONE)
		return TREE_FAILED;
	*ret = to;
	return TREE_DONE;
}

static enum tree_result step(struct walk *w, const struct place *parent, const char *name,
	size_t len, struct place *ret)
{
	char copy[NAME_MAX + 1];

	if (len == 1 && name[0] == '.') {
		*ret = *parent;
		return TREE_DONE;
	}
	if (len == 2 && memcmp(name, "..", 2) == 0) {
		const struct host_dir *host = parent->host;
		*ret = (struct place){
			host->parent ? host->parent : host, parent->dir->dir->parent};
		return TREE_DONE;
	}
	if (len > NAME_MAX)
		return TREE_ABSENT;
	memcpy(copy, name, len);
	copy[len] = '\0';
	return descend(w, parent, copy, ret);
}

/* The place of a path: from the longest part of it that is known, name by name. */
static enum tree_result get_place(
	struct walk *w, const char *path, size_t len, struct place *ret)
{
	struct path_cache *c = w->c;
	struct place place = {.host = c->root, .dir = c->t->root};
	const struct place *known = NULL;
	size_t at = path_trimmed_len(path, len);

	for (len = at; at > 0; at = path_trimmed_len(path, parent_len(path, at))) {
		known = strmap_get_len(&c->places, path, at);
		if (known)
			break;
	}
	if (known)
		place = *known;
	for (;;) {
		at += strspn(path + at, "/");
		if (at >= len)
			break;
		size_t name_len = strcspn(path + at, "/");
		name_len = MIN(name_len, len - at);
		enum tree_result r = step(w, &place, path + at, name_len, &place);
		if (r != TREE_DONE)
			return r;
		at += name_len;
		struct place *kept = arena_alloc(&c->t->arena, sizeof(*kept));
		*kept = place;
		strmap_put(&c->places, arena_strndup(&c->t->arena, path, at), kept);
	}
	*ret = place;
	return TREE_DONE;
}

/* A path's parent directory, and its last name; a path that names a directory by itself (the
 * root, or one that ends in a dot) has no name. */
struct split {
	size_t parent;
	const char *name;
	size_t len;
};

static struct split split_path(const char *path)
{
	size_t len = path_trimmed_len(path, strlen(path)), parent = parent_len(path, len);
	struct split s = {parent, path + parent, len - parent};

	if (s.len == 0 || (s.len == 1 && s.name[0] == '.') ||
		(s.len == 2 && memcmp(s.name, "..", 2) == 0))
		s = (struct split){.parent = len, .name = path + len};
	return s;
}

static enum tree_result add_path(
	struct path_cache *c, const char *path, const char *at, struct error *err)
{
	struct walk w = {.c = c, .err = err};
	struct split from = split_path(path), to = split_path(at);
	CLEANUP_FREE char *name = xstrndup(from.name, from.len);
	struct tree_inode *inode, node;
	struct place place, target;
	struct host_name file;

	enum tree_result r = get_place(&w, path, from.parent, &place);
	if (r == TREE_DONE)
		r = get_place(&w, at, to.parent, &target);
	if (r != TREE_DONE)
		return r;
	if (enter(c, place.host, err) < 0)
		return TREE_FAILED;
	r = host_stat(c->t, &c->at, from.len ? name : ".", &file, err);
	if (r != TREE_DONE)
		return r;
	if (to.len)
		return host_put_node(c->t, &file,
			&(struct tree_spot){target.dir, to.name, to.len}, &inode, err);
	r = host_read_node(c->t, &file, &node, err);
	if (r == TREE_DONE)
		node_update_dir(c->t, target.dir, &node);
	return r;
}

enum tree_result tree_add_path_as(struct tree *t, const char *root, const char *path,
	const char *at, struct error *err)
{
	if (strlen(path) >= PATH_MAX)
		return error_set(err, ENAMETOOLONG, "add '%.60s…'", path);
	struct path_cache *c = get_cache(t, root, err);
	return c ? add_path(c, path, at, err) : TREE_FAILED;
}

enum tree_result tree_add_path(
	struct tree *t, const char *root, const char *path, struct error *err)
{
	return tree_add_path_as(t, root, path, path, err);
}

enum tree_result tree_add_single(struct tree *t, const char *root, const char *path,
	const char *at, struct error *err)
{
	struct split from = split_path(path);
	CLEANUP_FREE char *name = xstrndup(from.name, from.len);
	struct tree_inode *inode;
	struct host_name file;
	struct tree_spot spot;
	struct stat st;

	struct path_cache *c = get_cache(t, root, err);
	if (!c)
		return TREE_FAILED;
	const struct host_dir *dir = c->root;
	for (size_t end = 0; (end += strspn(path + end, "/")) < from.parent;) {
		size_t begin = end;
		end += strcspn(path + end, "/");
		CLEANUP_FREE char *part = xstrndup(path + begin, end - begin);
		if (enter(c, dir, err) < 0)
			return TREE_FAILED;
		if (fstatat(c->at.fd, part, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return error_set(err, errno, "add '%s%s'", root, path);
		dir = host_dir_new(t, dir, part, &st);
	}
	if (enter(c, dir, err) < 0)
		return TREE_FAILED;
	enum tree_result r = host_stat(t, &c->at, name, &file, err);
	if (r == TREE_DONE)
		r = resolve_spot(t, TREE_WALK_MAKE, t->root, at, &spot, err);
	return r == TREE_DONE ? host_put_node(t, &file, &spot, &inode, err) : r;
}
