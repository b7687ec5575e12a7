/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing the files of requests. */
#include "cache/request.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "cache/kinds.h"

#define MAGIC		 "hypermin-request 6"
#define REQUEST_FILE_MAX (64 * 1024 * 1024)
#define OUTDATED_SECONDS (7 * 24 * 60 * 60)

/* ---- The entry ---- */

const char *const entry_parts[ENTRY_PARTS] = {"kernel", "initrd", "root"};

char *entry_look(int dir_fd)
{
	CLEANUP_STRBUF struct strbuf sb = {0};
	struct stat st;

	for (int i = 0; i < ENTRY_PARTS; i++) {
		if (fstatat(dir_fd, entry_parts[i], &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(st.st_mode))
			return NULL;
		strbuf_addf(&sb, "%lld %llu %lld.%09ld ", (long long)st.st_size,
			(unsigned long long)st.st_ino, (long long)st.st_mtim.tv_sec,
			st.st_mtim.tv_nsec);
	}
	return strbuf_detach(&sb);
}

bool entry_hold(const struct cache *cache, const struct entry *e, struct store_hold *ret)
{
	if (!store_hold(cache, STORE_APPLIANCES, e->key, ret))
		return false;
	CLEANUP_FREE char *parts = entry_look(ret->dir_fd);
	if (parts && strcmp(parts, e->parts) == 0)
		return true;
	store_release(ret);
	return false;
}

/* ---- Request files ---- */

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

enum request_found request_find(
	const struct cache *cache, const char *digest, struct entry *ret)
{
	CLEANUP_FREE char *path = store_path(STORE_REQUESTS, digest);
	CLEANUP_FREE char *data = NULL;
	size_t len;

	if (io_read_file(cache->fd, path, REQUEST_FILE_MAX, &data, &len, NULL) < 0)
		return REQUEST_MISSING;
	const char *pos = data, *end = data + len;
	const char *fields[6] = {NULL};
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!(fields[i] = next_field(&pos, end)))
			return REQUEST_MISSING;
	const char *key = fields[1], *version = fields[2], *uuid = fields[3];
	if (strcmp(fields[0], MAGIC) != 0 || !sha256_is_hex(key) ||
		strlen(uuid) != sizeof(ret->root_uuid) - 1)
		return REQUEST_MISSING;
	strcpy(ret->key, key);
	strcpy(ret->root_uuid, uuid);
	ret->kernel_version = xstrdup(version);
	ret->route = xstrdup(fields[4]);
	ret->parts = xstrdup(fields[5]);
	/* Without the empty field it has been cut off. */
	bool whole = pos < end && end[-1] == '\0' && (pos + 1 == end || end[-2] == '\0');
	if (whole) {
		ret->bytes = TAKE_PTR(data);
		ret->fields = pos;
		ret->fields_len = end - 1 - pos;
	}
	return whole && stamp_few_fit(ret->fields, ret->fields_len) ? REQUEST_FITS
								    : REQUEST_OUTDATED;
}

bool entry_fits(const struct entry *e)
{
	return e->bytes && stamp_fits(e->fields, e->fields_len);
}

struct stamp_check *entry_check_start(struct entry *e)
{
	return stamp_check_start(TAKE_PTR(e->bytes), e->fields, e->fields_len);
}

void entry_done(struct entry *e)
{
	free(e->kernel_version);
	free(e->route);
	free(e->parts);
	free(e->bytes);
	*e = (struct entry){0};
}

int request_write(const struct cache *cache, const char *digest, const struct entry *e,
	const struct stamp *stamp, struct error *err)
{
	CLEANUP_DRAFT struct draft draft = {0};
	CLEANUP_STRBUF struct strbuf sb = {0};

	strbuf_add(&sb, MAGIC, sizeof(MAGIC));
	strbuf_add(&sb, e->key, strlen(e->key) + 1);
	strbuf_add(&sb, e->kernel_version, strlen(e->kernel_version) + 1);
	strbuf_add(&sb, e->root_uuid, strlen(e->root_uuid) + 1);
	strbuf_add(&sb, e->route, strlen(e->route) + 1);
	strbuf_add(&sb, e->parts, strlen(e->parts) + 1);
	strbuf_add(&sb, stamp->fields.data, stamp->fields.len);
	strbuf_addc(&sb, '\0');
	if (draft_open(cache, &draft, err) < 0)
		return -1;
	CLEANUP_CLOSE int fd = openat(
		draft.fd, "request", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || io_write_full(fd, sb.data, sb.len) < 0)
		return error_set(
			err, errno, "write '%s/%s/request'", cache->path, draft.path);
	return draft_publish_file(&draft, "request", STORE_REQUESTS, digest, err);
}

/* ---- As a kind in the cache ---- */

char *request_describe(const struct cache *cache, const char *key, const json_t *manifest)
{
	CLEANUP(entry_done) struct entry e = {0};

	(void)manifest;
	switch (request_find(cache, key, &e)) {
	case REQUEST_FITS:
		return xasprintf("appliance %.12s", e.key);
	case REQUEST_OUTDATED:
		return xasprintf("appliance %.12s, outdated", e.key);
	default:
		return xstrdup("damaged");
	}
}

const char *request_judge(const struct cache *cache, const struct store_item *item)
{
	CLEANUP(entry_done) struct entry e = {0};

	enum request_found found = request_find(cache, item->key, &e);
	if (found == REQUEST_MISSING)
		return "it can't be read";
	if (found == REQUEST_OUTDATED && item->used < time(NULL) - OUTDATED_SECONDS)
		return "outdated for a week";
	if (!store_is_there(cache, STORE_APPLIANCES, e.key))
		return "its appliance is gone";
	return NULL;
}

int request_verify(const struct cache *cache, enum store_kind kind, const char *key,
	struct digests *digests, struct error *err)
{
	CLEANUP(entry_done) struct entry e = {0};

	(void)digests;
	if (request_find(cache, key, &e) != REQUEST_MISSING)
		return 0;
	return error_set(err, 0, "'%s/%s/%s' can't be read", cache->path,
		store_kinds[kind].directory, key);
}
