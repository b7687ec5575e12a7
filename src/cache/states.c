/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cache/states.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/directory.h"
#include "cache/kinds.h"
#include "cache/manifest.h"
#include "cache/ram.h"

static int error_none(const struct cache *cache, const char *name, struct error *err)
{
	error_set(err, 0,
		"there is no saved state '%s' in '%s'; hypermin cache list shows those there "
		"are",
		name, cache->path);
	if (err)
		err->num = ENOENT;
	return -1;
}

/* ---- Using one ---- */

char *state_file(const struct state *s, const char *name)
{
	return xasprintf("%s/%s", s->directory, name);
}

void state_done(struct state *s)
{
	if (!s->directory)
		return;
	free(s->directory);
	json_decref(s->manifest);
	cleanup_close(&s->files.ram_fd);
	cleanup_close(&s->files.state_fd);
	store_release(&s->hold);
	*s = (struct state)STATE_INIT;
}

bool states_has(const struct cache *cache, const char *name)
{
	return store_is_there(cache, STORE_STATES, name);
}

int states_open(
	const struct cache *cache, const char *name, struct state *ret, struct error *err)
{
	CLEANUP(state_done) struct state s = STATE_INIT;

	if (!store_hold(cache, STORE_STATES, name, &s.hold))
		return error_none(cache, name, err);
	CLEANUP_FREE char *path = store_path(STORE_STATES, name);
	s.directory = xasprintf("%s/%s", cache->path, path);
	if (manifest_read(s.hold.dir_fd, s.directory, &s.manifest, err) < 0 ||
		manifest_check(s.manifest, s.hold.dir_fd, s.directory, err) < 0 ||
		snapshots_open_files(
			s.manifest, s.hold.dir_fd, s.directory, &s.files, err) < 0)
		return error_prefix(err, "use the saved state '%s'", name);
	*ret = s;
	s.directory = NULL;
	return 0;
}

/* ---- As a kind in the cache ---- */

char *states_describe(const struct cache *cache, const char *key, const json_t *manifest)
{
	(void)cache;
	(void)key;
	return xasprintf("of %s, memory %lld MiB, CPUs %lld, disks %zu",
		manifest_text(manifest, "origin"),
		(long long)json_integer_value(json_object_get(manifest, "memory_mib")),
		(long long)json_integer_value(json_object_get(manifest, "cpus")),
		json_array_size(json_object_get(manifest, "disks")));
}

/* ---- Making one ---- */

/* Disks may be large, and mostly empty. */
static int add_disks(struct draft *d, json_t *manifest, struct error *err)
{
	CLEANUP_STRVEC struct strvec names = {0};
	char pages[SHA256_HEX_LEN + 1];

	if (directory_list(d->fd, ".", 0, &names) < 0)
		return error_set(err, errno, "list what was saved");
	vector_foreach (name, &names) {
		if (strncmp(*name, "disk", 4) != 0)
			continue;
		CLEANUP_CLOSE int fd =
			openat(d->fd, *name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || ram_digest(fd, pages) < 0 || fdatasync(fd) < 0)
			return error_set(err, errno, "write '%s' to the cache", *name);
		if (manifest_add_ram(manifest, *name, fd, pages, err) < 0)
			return -1;
	}
	return 0;
}

int states_publish(struct draft *d, const char *name, const struct snapshot_files *files,
	json_t *manifest, struct error *err)
{
	if (snapshots_add_files(d, files, manifest, err) < 0 ||
		add_disks(d, manifest, err) < 0 ||
		draft_publish(d, STORE_STATES, name, manifest, err) < 0)
		return -1;
	/* It is a draft still: another has published one. */
	return d->path ? error_set(err, EEXIST, "call a saved state '%s'", name) : 0;
}

int states_remove(const struct cache *cache, const char *name, struct error *err)
{
	if (!states_has(cache, name))
		return error_none(cache, name, err);
	switch (store_kinds[STORE_STATES].remove(cache, STORE_STATES, name, false)) {
	case STORE_REMOVED:
		return 0;
	case STORE_IN_USE:
		return error_set(err, EBUSY,
			"remove the saved state '%s': VMs that go on from it run", name);
	case STORE_NO_LOCKS:
		return error_set(err, ENOLCK,
			"remove the saved state '%s': this file system has no locks, so it may "
			"be in use",
			name);
	case STORE_NOT_REMOVED:
		break;
	}
	return error_set(err, errno, "remove the saved state '%s'", name);
}
