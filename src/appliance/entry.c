/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Request files: from what was asked for to an entry's key, as long as the stamp fits. */
#include "appliance/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "config.h"

#define MAGIC		 "hypermin-request 3"
#define REQUEST_FILE_MAX (4 * 1024 * 1024)

void entry_hex(const uint8_t *bytes, size_t len, char *ret)
{
	for (size_t i = 0; i < len; i++)
		sprintf(ret + 2 * i, "%02x", bytes[i]);
}

static void hash_string(SHA2_CTX *ctx, const char *s)
{
	/* With the NUL, so that fields can't run into each other. */
	SHA256Update(ctx, (const uint8_t *)s, strlen(s) + 1);
}

void entry_request_digest(
	const struct appliance_request *request, char ret[static ENTRY_KEY_LEN + 1])
{
	uint8_t sum[SHA256_DIGEST_LENGTH];
	struct strvec packages = {0};
	SHA2_CTX ctx;

	vector_foreach (name, &request->packages)
		strvec_add(&packages, *name);
	strvec_sort(&packages);
	SHA256Init(&ctx);
	hash_string(&ctx, HYPERMIN_VERSION);
	hash_string(&ctx, request->root);
	hash_string(&ctx, request->kernel ? request->kernel : "");
	hash_string(&ctx, request->modules_dir ? request->modules_dir : "");
	for (size_t i = 0; i < packages.len; i++)
		if (i == 0 || strcmp(packages.items[i], packages.items[i - 1]) != 0)
			hash_string(&ctx, packages.items[i]);
	vector_foreach (route, &request->routes)
		hash_string(&ctx, *route);
	SHA256Final(sum, &ctx);
	strvec_done(&packages);
	entry_hex(sum, sizeof(sum), ret);
}

/* ---- The entry ---- */

const char *const entry_parts[] = {"kernel", "initrd", "root", "manifest.json", NULL};

bool entry_is_whole(int dir_fd)
{
	for (const char *const *part = entry_parts; *part; part++)
		if (faccessat(dir_fd, *part, R_OK, 0) < 0)
			return false;
	return true;
}

int entry_open(const struct cache *cache, const char *key)
{
	CLEANUP_FREE char *name = xasprintf("appliances/%s", key);
	CLEANUP_CLOSE int fd =
		openat(cache->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || !entry_is_whole(fd))
		return -1;
	return TAKE_FD(fd);
}

/* ---- The stamp ---- */

/* The kernel stamps files by a clock that ticks every 1 to 10 ms. */
#define TICK_NS (20 * 1000 * 1000)

static void add_identity(struct strbuf *sb, const struct stat *st)
{
	strbuf_addf(sb, "%jx:%jx:%o:%u:%u:%jd:%jd.%09ld:%jd.%09ld", (uintmax_t)st->st_dev,
		(uintmax_t)st->st_ino, st->st_mode, st->st_uid, st->st_gid,
		(intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		(intmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static bool before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* A time in the future is no change since the start: the clock was set back. */
static bool changed_since(const struct stat *st, const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return !before(&st->st_ctim, start) && !before(&now, &st->st_ctim);
}

/* A file changed twice within a tick has the same times after both. What was changed
 * before the start is therefore read a tick later: then it does not look like a change
 * since. */
void entry_stamp_start(struct entry_stamp *stamp)
{
	const struct timespec tick = {.tv_nsec = TICK_NS};

	*stamp = (struct entry_stamp){0};
	clock_gettime(CLOCK_REALTIME, &stamp->start);
	nanosleep(&tick, NULL);
}

void entry_stamp_add(struct entry_stamp *stamp, const char *path)
{
	struct strbuf *sb = &stamp->fields;
	struct stat st;

	strbuf_add(sb, path, strlen(path) + 1);
	if (stat(path, &st) < 0)
		strbuf_addf(sb, "absent %d", errno);
	else if (changed_since(&st, &stamp->start))
		strbuf_adds(sb, "changing");
	else
		add_identity(sb, &st);
	strbuf_addc(sb, '\0');
}

void entry_stamp_done(struct entry_stamp *stamp)
{
	strbuf_done(&stamp->fields);
}

/* The next field, or NULL at the end or where a NUL is missing. */
static const char *next_field(const char **pos, const char *end)
{
	const char *field = *pos;
	const char *nul = memchr(field, '\0', end - field);

	if (!nul)
		return NULL;
	*pos = nul + 1;
	return field;
}

static bool identity_fits(const char *path, const char *identity, struct strbuf *buf)
{
	struct stat st;

	strbuf_clear(buf);
	if (stat(path, &st) < 0)
		strbuf_addf(buf, "absent %d", errno);
	else
		add_identity(buf, &st);
	return strcmp(buf->data, identity) == 0;
}

static bool stamp_fits(const char *pos, const char *end)
{
	CLEANUP_STRBUF struct strbuf buf = {0};
	const char *path;

	while ((path = next_field(&pos, end)) && *path) {
		const char *identity = next_field(&pos, end);
		if (!identity || !identity_fits(path, identity, &buf))
			return false;
	}
	return path && pos == end;
}

/* ---- Request files ---- */

static void request_path(const char *digest, char *ret, size_t size)
{
	snprintf(ret, size, "requests/%s", digest);
}

enum entry_found entry_find(
	const struct cache *cache, const char *digest, struct entry *ret)
{
	CLEANUP_FREE char *data = NULL;
	char path[100];
	size_t len;

	request_path(digest, path, sizeof(path));
	if (io_read_file(cache->fd, path, REQUEST_FILE_MAX, &data, &len, NULL) < 0)
		return ENTRY_MISSING;
	const char *pos = data, *end = data + len;
	const char *magic = next_field(&pos, end);
	const char *key = magic ? next_field(&pos, end) : NULL;
	const char *version = key ? next_field(&pos, end) : NULL;
	const char *uuid = version ? next_field(&pos, end) : NULL;
	const char *route = uuid ? next_field(&pos, end) : NULL;
	if (!route || strcmp(magic, MAGIC) != 0 || strlen(key) != ENTRY_KEY_LEN ||
		strlen(uuid) != sizeof(ret->root_uuid) - 1)
		return ENTRY_MISSING;
	strcpy(ret->key, key);
	strcpy(ret->root_uuid, uuid);
	ret->kernel_version = xstrdup(version);
	ret->route = xstrdup(route);
	return stamp_fits(pos, end) ? ENTRY_FITS : ENTRY_OUTDATED;
}

void entry_done(struct entry *e)
{
	free(e->kernel_version);
	free(e->route);
	*e = (struct entry){0};
}

int entry_write(const struct cache *cache, const char *digest, const struct entry *e,
	const struct entry_stamp *stamp, struct error *err)
{
	CLEANUP_STRBUF struct strbuf sb = {0};
	char path[100], temporary[100];

	strbuf_add(&sb, MAGIC, sizeof(MAGIC));
	strbuf_add(&sb, e->key, strlen(e->key) + 1);
	strbuf_add(&sb, e->kernel_version, strlen(e->kernel_version) + 1);
	strbuf_add(&sb, e->root_uuid, strlen(e->root_uuid) + 1);
	strbuf_adds(&sb, e->route ? e->route : "");
	strbuf_addc(&sb, '\0');
	strbuf_add(&sb, stamp->fields.data, stamp->fields.len);
	strbuf_addc(&sb, '\0');
	request_path(digest, path, sizeof(path));
	request_path(
		"new", temporary, sizeof(temporary)); /* one writer: the lock's holder */
	CLEANUP_CLOSE int fd = openat(
		cache->fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, errno, "create '%s/%s'", cache->path, temporary);
	if (io_write_full(fd, sb.data, sb.len) < 0 || fdatasync(fd) < 0 ||
		renameat(cache->fd, temporary, cache->fd, path) < 0) {
		int num = errno;
		unlinkat(cache->fd, temporary, 0);
		return error_set(err, num, "write '%s/%s'", cache->path, path);
	}
	return 0;
}
