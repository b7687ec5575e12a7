/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sharing parts. A link either is made, and then the part stays whatever happens to its
 * name in parts/, or it is not, and then the part is made: nobody has to hold anything.
 * The count of links tells whether anybody still uses a part.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "build/parts.h"
#include "cache/manifest.h"

/* 1: it is not there, or can't be shared. */
static int link_part(
	const struct part *part, const struct draft *draft, json_t **ret_manifest)
{
	const struct cache *cache = draft->cache;
	CLEANUP(store_release) struct store_hold hold = STORE_HOLD_INIT;
	CLEANUP_JSON json_t *manifest = NULL;

	if (!store_hold(cache, STORE_PARTS, part->key, &hold))
		return 1;
	if (manifest_read(hold.dir_fd, "", &manifest, NULL) < 0 ||
		manifest_check(manifest, hold.dir_fd, "", NULL) < 0) {
		log_info("%s: the one that is there is damaged", part->name);
		store_discard(cache, STORE_PARTS, part->key);
		return 1;
	}
	if (linkat(hold.dir_fd, part->name, draft->fd, part->name, 0) < 0)
		return 1;
	log_info("%s: shared with another appliance", part->name);
	*ret_manifest = TAKE_PTR(manifest);
	return 0;
}

static int write_part(
	const struct part *part, struct draft *own, json_t *manifest, struct error *err)
{
	CLEANUP_FREE char *where = xasprintf("%s/%s", own->cache->path, own->path);
	CLEANUP_CLOSE int fd =
		openat(own->fd, part->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_set(err, errno, "create '%s/%s'", where, part->name);
	if (part->make(fd, manifest, part->data, err) < 0)
		return error_prefix(err, "write '%s/%s'", where, part->name);
	return manifest_add_file(manifest, own->fd, part->name, where, err);
}

/* Made in a draft of its own, and linked to the appliance's before it is published: from
 * then on it could be collected. */
static int make_part(const struct part *part, const struct draft *draft,
	json_t **ret_manifest, struct error *err)
{
	CLEANUP_DRAFT struct draft own = {0};
	CLEANUP_JSON json_t *manifest =
		manifest_new(store_kinds[STORE_PARTS].word, part->key);

	json_object_set_new(manifest, "part", json_string(part->name));
	if (draft_open(draft->cache, &own, err) < 0 ||
		write_part(part, &own, manifest, err) < 0)
		return -1;
	if (linkat(own.fd, part->name, draft->fd, part->name, 0) < 0) {
		log_info("%s: not to be shared, no hard links here", part->name);
		if (renameat(own.fd, part->name, draft->fd, part->name) < 0)
			return error_set(err, errno, "rename '%s/%s/%s'",
				draft->cache->path, own.path, part->name);
	} else if (draft_publish(&own, STORE_PARTS, part->key, manifest, err) < 0) {
		return -1;
	}
	*ret_manifest = TAKE_PTR(manifest);
	return 0;
}

static int link_or_make(const struct part *part, const struct draft *draft,
	const volatile sig_atomic_t *interrupted, json_t **ret_manifest,
	struct error *err)
{
	CLEANUP_FREE char *turn_name = xasprintf("part-%s", part->key);
	CLEANUP_FREE char *what = xasprintf("is making the same %s", part->name);
	CLEANUP_TURN struct turn turn = {0};

	if (link_part(part, draft, ret_manifest) == 0)
		return 0;
	if (turn_take(draft->cache, turn_name, what, interrupted, &turn, err) < 0)
		return -1;
	if (link_part(part, draft, ret_manifest) == 0)
		return 0;
	return make_part(part, draft, ret_manifest, err);
}

int part_add(const struct part *part, const struct draft *draft, json_t *manifest,
	const volatile sig_atomic_t *interrupted, json_t **ret_manifest,
	struct error *err)
{
	if (*interrupted)
		return error_set(err, EINTR, "make the %s", part->name);
	if (link_or_make(part, draft, interrupted, ret_manifest, err) < 0)
		return -1;
	manifest_copy_file(manifest, *ret_manifest, part->name);
	return 0;
}
