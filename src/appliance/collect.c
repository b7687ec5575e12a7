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
#include <time.h>
#include <unistd.h>

#include "appliance/entry.h"
#include "base/log.h"
#include "base/strmap.h"
#include "base/vector.h"

/* What was asked for once, and is outdated, is given up after a week: the entries of all
 * that anyone ever asked for would fill the disk. */
#define OUTDATED_REQUEST_SECONDS (7 * 24 * 60 * 60)

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
		if (strncmp(*name, "building-", 9) == 0 ||
			strncmp(*name, "removing-", 9) == 0)
			collect_remove(cache_fd, *name);
}

void collect_entry(int cache_fd, const char *key)
{
	CLEANUP_FREE char *name = xasprintf("appliances/%s", key);
	CLEANUP_FREE char *aside = xasprintf("removing-%s", key);

	if (renameat(cache_fd, name, cache_fd, aside) == 0)
		collect_remove(cache_fd, aside);
}

static bool is_old(int cache_fd, const char *path)
{
	struct stat st;

	return fstatat(cache_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_mtime < time(NULL) - OUTDATED_REQUEST_SECONDS;
}

/* Adds the keys that requests lead to. An outdated request still leads to its key: mostly
 * a look at the host finds that nothing in the appliance has changed. */
static void read_requests(const struct cache *cache, struct strvec *keys)
{
	CLEANUP_STRVEC struct strvec digests = {0};

	list(cache->fd, "requests", &digests);
	vector_foreach (digest, &digests) {
		CLEANUP_FREE char *path = xasprintf("requests/%s", *digest);
		struct entry e = {0};
		enum entry_found found = entry_find(cache, *digest, &e);
		if (found != ENTRY_FITS && is_old(cache->fd, path))
			unlinkat(cache->fd, path, 0);
		else if (found != ENTRY_MISSING)
			strvec_add(keys, e.key);
		entry_done(&e);
	}
}

static void remove_unused(int cache_fd, const char *key)
{
	CLEANUP_FREE char *name = xasprintf("appliances/%s", key);
	CLEANUP_CLOSE int fd =
		openat(cache_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	log_info("removing an appliance that is not used any more: %s", key);
	collect_entry(cache_fd, key);
}

void collect_unused(const struct cache *cache)
{
	CLEANUP_STRVEC struct strvec used = {0}, entries = {0};
	CLEANUP(strmap_done) struct strmap keys = {0};

	read_requests(cache, &used);
	vector_foreach (key, &used)
		strmap_put(&keys, *key, *key);
	list(cache->fd, "appliances", &entries);
	vector_foreach (key, &entries)
		if (!strmap_get(&keys, *key))
			remove_unused(cache->fd, *key);
}
