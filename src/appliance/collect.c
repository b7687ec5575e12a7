/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Removing what nobody will use again. Failures are not errors: what stays is found again
 * the next time. An entry is taken out of the way by a rename before it is emptied, so
 * that nobody sees half of one.
 */
#include "appliance/collect.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/entry.h"
#include "base/io.h"
#include "base/log.h"
#include "base/strmap.h"
#include "base/vector.h"

#define REQUEST_HEAD_MAX (4 * 1024 * 1024)

bool collect_exists(int cache_fd, const char *key)
{
	char name[100];

	snprintf(name, sizeof(name), "appliances/%s/manifest.json", key);
	return faccessat(cache_fd, name, F_OK, 0) == 0;
}

static void list(int dir_fd, const char *name, struct strvec *ret)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_CLOSEDIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *entry; (entry = readdir(dir));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			strvec_add(ret, entry->d_name);
}

void collect_remove(int cache_fd, const char *name)
{
	CLEANUP_STRVEC struct strvec files = {0};

	list(cache_fd, name, &files);
	vector_foreach (file, &files) {
		CLEANUP_FREE char *path = xasprintf("%s/%s", name, *file);
		unlinkat(cache_fd, path, 0);
	}
	unlinkat(cache_fd, name, AT_REMOVEDIR);
}

void collect_abandoned(int cache_fd)
{
	CLEANUP_STRVEC struct strvec names = {0};

	list(cache_fd, ".", &names);
	vector_foreach (name, &names)
		if (strncmp(*name, "building-", 9) == 0 || strncmp(*name, "removing-", 9) == 0)
			collect_remove(cache_fd, *name);
}

/* The key is the second field. NULL if there is none. */
static const char *request_key(const char *data, size_t len)
{
	const char *nul = memchr(data, '\0', len);

	if (!nul || (size_t)(data + len - (nul + 1)) <= ENTRY_KEY_LEN || nul[1 + ENTRY_KEY_LEN])
		return NULL;
	return nul + 1;
}

static void read_keys(int cache_fd, struct strmap *keys, struct strvec *storage)
{
	CLEANUP_STRVEC struct strvec names = {0};

	list(cache_fd, "requests", &names);
	vector_foreach (name, &names) {
		CLEANUP_FREE char *path = xasprintf("requests/%s", *name);
		CLEANUP_FREE char *data = NULL;
		size_t len;
		if (io_read_file(cache_fd, path, REQUEST_HEAD_MAX, &data, &len, NULL) < 0)
			continue;
		const char *key = request_key(data, len);
		if (!key)
			continue;
		strvec_add(storage, key);
		strmap_put(keys, storage->items[storage->len - 1], keys);
	}
}

static void remove_entry(int cache_fd, const char *key)
{
	CLEANUP_FREE char *name = xasprintf("appliances/%s", key);
	CLEANUP_FREE char *aside = xasprintf("removing-%s", key);
	CLEANUP_CLOSE int fd =
		openat(cache_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	if (renameat(cache_fd, name, cache_fd, aside) < 0)
		return;
	log_info("removing an appliance that is not used any more: %s", key);
	collect_remove(cache_fd, aside);
}

void collect_unused(int cache_fd)
{
	CLEANUP_STRVEC struct strvec storage = {0}, entries = {0};
	struct strmap keys = {0};

	read_keys(cache_fd, &keys, &storage);
	list(cache_fd, "appliances", &entries);
	vector_foreach (key, &entries)
		if (!strmap_get(&keys, *key))
			remove_entry(cache_fd, *key);
	strmap_done(&keys);
}
