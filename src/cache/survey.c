/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much there is in the cache, and when it was used. */
#include <fcntl.h>
#include <string.h>

#include "base/directory.h"
#include "cache/collect.h"
#include "cache/manifest.h"

static void add_file(
	struct store_item *item, int dir_fd, const char *name, bool *ret_is_directory)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	uint64_t bytes = (uint64_t)st.st_blocks * 512;
	*ret_is_directory = S_ISDIR(st.st_mode);
	item->bytes += bytes;
	item->share += *ret_is_directory ? bytes : (double)bytes / MAX(st.st_nlink, 1);
	if (!*ret_is_directory && st.st_nlink > 1)
		item->alone = false;
	/* A manifest's time is set at each use. */
	if (strcmp(name, MANIFEST_NAME) == 0 || item->used == 0)
		item->used = st.st_mtime;
}

static void survey_item(const struct cache *cache, struct store_item *item)
{
	CLEANUP_FREE char *path = store_path(item->kind, item->key);
	CLEANUP_STRVEC struct strvec files = {0};
	bool is_directory = false;

	add_file(item, cache->fd, path, &is_directory);
	CLEANUP_CLOSE int fd = is_directory
		? openat(cache->fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
		: -1;
	if (fd < 0)
		return;
	directory_list(fd, ".", 0, &files);
	vector_foreach (file, &files)
		add_file(item, fd, *file, &is_directory);
}

static int compare_use(const void *a, const void *b)
{
	const struct store_item *x = a, *y = b;

	if (x->used != y->used)
		return x->used < y->used ? -1 : 1;
	return strcmp(x->key, y->key);
}

void store_survey(
	const struct cache *cache, enum store_kind kind, struct store_items *ret)
{
	CLEANUP_STRVEC struct strvec keys = {0};

	store_list(cache, kind, &keys);
	vector_foreach (key, &keys) {
		struct store_item item = {
			.key = xstrdup(*key), .kind = kind, .alone = true};
		survey_item(cache, &item);
		vector_push(ret, item);
	}
	vector_sort(ret, compare_use);
}

void store_items_done(struct store_items *items)
{
	vector_foreach (item, items)
		free(item->key);
	vector_done(items);
}

static uint64_t sum(const struct cache *cache, bool with_states)
{
	double bytes = 0;

	for (int kind = 0; kind < STORE_KINDS; kind++) {
		CLEANUP(store_items_done) struct store_items items = {0};
		if (kind == STORE_STATES && !with_states)
			continue;
		store_survey(cache, kind, &items);
		vector_foreach (item, &items)
			bytes += item->share;
	}
	/* The sum of three thirds may be a little less than the whole. */
	return bytes + 0.5;
}

uint64_t store_bytes(const struct cache *cache)
{
	return sum(cache, true);
}

uint64_t store_bytes_without_states(const struct cache *cache)
{
	return sum(cache, false);
}
