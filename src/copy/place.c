/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy/place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/path.h"
#include "copy/copy.h"

static const char *const acl_names[2] = {ATTRIBUTES_ACCESS_ACL, ATTRIBUTES_DEFAULT_ACL};

/* What a hostile stream can make us keep; the kernel's own limit for one is 64 KiB. */
#define ACLS_MAX (64u << 20)

void place_init(struct place *p, int base, uint64_t max_entries)
{
	*p = (struct place){.base = base, .fd = -1};
	p->max = p->left = max_entries ? max_entries : COPY_ENTRIES_MAX;
}

static void leave(struct place *p)
{
	if (p->fd >= 0 && p->fd != p->base)
		close(p->fd);
	p->fd = p->base;
	p->current = NULL;
	strbuf_clear(&p->path);
}

void place_done(struct place *p)
{
	leave(p);
	close(p->base);
	vector_foreach (d, &p->directories)
		for (size_t i = 0; i < ARRAY_SIZE(acl_names); i++)
			free((*d)->acls[i]);
	vector_done(&p->directories);
	strmap_done(&p->known);
	strbuf_done(&p->path);
	arena_done(&p->arena);
}

int place_count(struct place *p, struct error *err)
{
	p->exhausted = p->left == 0;
	if (p->exhausted)
		return error_set(err, 0,
			"the stream has more than the %" PRIu64
			" files and directories that "
			"are allowed",
			p->max);
	p->left--;
	return 0;
}

/* The directory that was opened as fd, new in the table if need be. */
static struct place_directory *tell(struct place *p, int fd, const char *name)
{
	struct place_directory *d;
	struct stat st;
	char key[40];

	if (fstat(fd, &st) < 0)
		return NULL;
	snprintf(key, sizeof(key), "%jx:%jx", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	d = strmap_get(&p->known, key);
	if (d)
		return d;
	d = arena_alloc(&p->arena, sizeof(*d));
	d->parent = p->current;
	d->name = arena_strdup(&p->arena, name);
	d->dev = st.st_dev;
	d->ino = st.st_ino;
	strmap_put(&p->known, arena_strdup(&p->arena, key), d);
	vector_push(&p->directories, d);
	return d;
}

/* From where we are to a directory in it. */
static int step(struct place *p, const char *name, bool make, struct error *err)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	bool made = false;

	CLEANUP_CLOSE int fd = openat(p->fd, name, flags);
	if (fd < 0 && errno == ENOENT && make) {
		if (place_count(p, err) < 0)
			return -1;
		made = mkdirat(p->fd, name, 0700) == 0;
		if (!made && errno != EEXIST)
			return error_set(err, errno, "make a directory");
		fd = openat(p->fd, name, flags);
	}
	if (fd < 0 && errno == ENOTDIR)
		return error_set(err, 0,
			"what is there is no directory, and links are not followed");
	if (fd < 0)
		return error_set(err, errno, "enter a directory");
	struct place_directory *d = tell(p, fd, name);
	if (!d)
		return error_set(err, errno, "enter a directory");
	d->made |= made;
	if (p->path.len)
		strbuf_addc(&p->path, '/');
	strbuf_adds(&p->path, name);
	if (p->fd != p->base)
		close(p->fd);
	p->fd = TAKE_FD(fd);
	p->current = d;
	return 0;
}

/* Whether the path is where we are, or below it. */
static bool is_inside(const struct place *p, const char *path, size_t len)
{
	size_t known = p->path.len;

	return known == 0 ||
		(known <= len && memcmp(p->path.data, path, known) == 0 &&
			(known == len || path[known] == '/'));
}

/* To the directory that we are in, which has to be the one that led here. */
static int step_up(struct place *p)
{
	const struct place_directory *parent = p->current->parent;
	char *slash = strrchr(p->path.data, '/');
	struct stat st;

	if (!parent || !slash)
		return -1;
	CLEANUP_CLOSE int fd =
		openat(p->fd, "..", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != parent->dev ||
		st.st_ino != parent->ino)
		return -1;
	close(p->fd);
	p->fd = TAKE_FD(fd);
	p->current = p->current->parent;
	*slash = '\0';
	p->path.len = slash - p->path.data;
	return 0;
}

int place_enter(
	struct place *p, const char *path, size_t len, bool make, struct error *err)
{
	/* Often it is the same as before, or in it, or beside it. */
	while (p->fd >= 0 && !is_inside(p, path, len))
		if (step_up(p) < 0)
			leave(p);
	if (p->fd < 0)
		leave(p);
	for (size_t at = p->path.len; at < len;) {
		at += path[at] == '/';
		size_t n = strcspn(path + at, "/");
		n = MIN(n, len - at);
		CLEANUP_FREE char *name = xstrndup(path + at, n);
		if (step(p, name, make, err) < 0)
			return -1;
		at += n;
	}
	return 0;
}

int place_describe(struct place *p, struct archive_entry *e,
	const struct attributes *attributes, struct error *err)
{
	struct place_directory *d = p->current;
	const char *name;
	const void *value;
	size_t len;

	d->described = true;
	d->attributes = *attributes;
	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK) {
		for (size_t i = 0; i < ARRAY_SIZE(acl_names); i++) {
			if (!attributes->same_owner || !name ||
				strcmp(name, acl_names[i]) != 0)
				continue;
			p->acls_size += len;
			if (p->acls_size > ACLS_MAX)
				return error_set(
					err, 0, "its directories have too many ACLs");
			free(d->acls[i]);
			d->acls[i] = xmemdup(value, len);
			d->acl_lens[i] = len;
		}
	}
	return 0;
}

static void path_of(const struct place_directory *d, struct strbuf *ret)
{
	VECTOR(const char *) names = {0};

	strbuf_clear(ret);
	for (; d; d = d->parent)
		vector_push(&names, d->name);
	for (size_t i = names.len; i > 0; i--)
		strbuf_addf(ret, "%s%s", ret->len ? "/" : "", names.items[i - 1]);
	vector_done(&names);
}

static int finish_one(struct place *p, const struct place_directory *d,
	const struct attributes *attributes, struct error *err)
{
	if (p->current->dev != d->dev || p->current->ino != d->ino)
		return error_set(err, 0, "it was moved meanwhile");
	if (attributes_set_owner(attributes, p->fd, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(acl_names); i++)
		if (d->acls[i] &&
			setxattr(fd_path(p->fd).text, acl_names[i], d->acls[i],
				d->acl_lens[i], 0) < 0)
			return error_set(
				err, errno, "set its attribute '%s'", acl_names[i]);
	return attributes_set_rest(attributes, p->fd, err);
}

void place_finish(struct place *p,
	void (*complain)(void *data, const char *path, const char *what), void *data)
{
	CLEANUP_STRBUF struct strbuf path = {0};
	struct attributes standard = {
		.times = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}}};
	mode_t mask = umask(0);
	struct error err;

	umask(mask);
	standard.mode = S_IFDIR | (0777 & ~mask);
	for (size_t i = p->directories.len; i > 0; i--) {
		const struct place_directory *d = p->directories.items[i - 1];
		if (!d->described && !d->made)
			continue;
		path_of(d, &path);
		if (place_enter(p, path.data, path.len, false, &err) < 0 ||
			finish_one(p, d, d->described ? &d->attributes : &standard,
				&err) < 0)
			complain(data, path.data, err.msg);
	}
}
