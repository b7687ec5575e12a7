/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Request files: from what was asked for to an entry's key, as long as the stamp fits. */
#include "appliance/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/sha256.h"
#include "config.h"

#define MAGIC		 "hypermin-request 2"
#define REQUEST_FILE_MAX (4 * 1024 * 1024)

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
	SHA256Final(sum, &ctx);
	strvec_done(&packages);
	hex_encode(sum, sizeof(sum), ret);
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
	if (!uuid || strcmp(magic, MAGIC) != 0 || strlen(key) != ENTRY_KEY_LEN ||
		strlen(uuid) != sizeof(ret->root_uuid) - 1)
		return ENTRY_MISSING;
	strcpy(ret->key, key);
	strcpy(ret->root_uuid, uuid);
	ret->kernel_version = xstrdup(version);
	/* Without the empty field it has been cut off. */
	bool whole = pos < end && end[-1] == '\0' && (pos + 1 == end || end[-2] == '\0');
	return whole && stamp_fits(pos, end - 1 - pos) ? ENTRY_FITS : ENTRY_OUTDATED;
}

void entry_done(struct entry *e)
{
	free(e->kernel_version);
	*e = (struct entry){0};
}

int entry_write(const struct cache *cache, const char *digest, const struct entry *e,
	const struct stamp *stamp, struct error *err)
{
	CLEANUP_STRBUF struct strbuf sb = {0};
	char path[100], temporary[100];

	strbuf_add(&sb, MAGIC, sizeof(MAGIC));
	strbuf_add(&sb, e->key, strlen(e->key) + 1);
	strbuf_add(&sb, e->kernel_version, strlen(e->kernel_version) + 1);
	strbuf_add(&sb, e->root_uuid, strlen(e->root_uuid) + 1);
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
