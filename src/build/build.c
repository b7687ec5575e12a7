/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making an appliance:
 *
 *	a turn at the request ──► gather what goes in ──► keys of the parts ──► the appliance's key
 *
 *	is there an appliance of that key?
 *	    yes: only the stamp was outdated
 *	    no:  a turn at the key ──► a draft ──► the parts, from the store or made ──► publish
 *
 *	requests/DIGEST with a fresh stamp ──► collect what is too old or too much
 *
 * Turns are always taken in this order (request, appliance, part), so that the locks
 * cannot deadlock.
 */
#include "build/build.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "build/contents.h"
#include "build/describe.h"
#include "build/parts.h"
#include "cache/collect.h"
#include "cache/manifest.h"
#include "cache/request.h"

#define PROGRAM_MAX (64 * 1024 * 1024)

struct build {
	const struct appliance_request *request;
	const struct cache *cache;
	const struct build_options *options;
	char digest[SHA256_HEX_LEN + 1];
	struct entry entry;
	struct stamp stamp;
	struct contents contents;
	char *guest;
	struct parts parts;
};

/* ---- The guest program ---- */

char *build_guest_path(
	const struct build_options *options, const struct architecture *architecture)
{
	const char *slash = strrchr(options->builder, '/');

	return xasprintf("%.*s/hypermin-guest-%s", (int)(slash - options->builder),
		options->builder, architecture->name);
}

int build_read_guest(const char *path, const struct architecture *architecture,
	char **ret_data, size_t *ret_len, struct error *err)
{
	if (access(path, F_OK) < 0 && !architecture_is_host(architecture))
		return error_set(err, 0,
			"the program for guests of %s, '%s', is missing; build hypermin on a "
			"machine that has %s-linux-gnu-gcc and a static C library for it",
			architecture->name, path, architecture->name);
	if (io_read_file(AT_FDCWD, path, PROGRAM_MAX, ret_data, ret_len, err) < 0)
		return error_prefix(err, "read hypermin's own programs");
	return 0;
}

static int check_interrupted(const struct build *b, struct error *err)
{
	if (*b->options->interrupted)
		return error_set(err, EINTR, "build an appliance");
	return 0;
}

/* ---- What goes in ---- */

static int gather(struct build *b, struct error *err)
{
	CLEANUP_FREE char *guest = build_guest_path(b->options, b->request->architecture);
	CLEANUP_CLOSE int builder = open(b->options->builder, O_RDONLY | O_CLOEXEC);

	b->parts.contents = &b->contents;
	b->parts.packed_kernel = b->request->packed_kernel;
	b->parts.interrupted = b->options->interrupted;
	stamp_start(&b->stamp);
	stamp_add(&b->stamp, guest);
	stamp_add(&b->stamp, b->options->builder);
	if (builder < 0 || sha256_file(builder, b->parts.builder_digest) < 0)
		return error_set(err, errno, "read hypermin's own programs: read '%s'",
			b->options->builder);
	if (build_read_guest(guest, b->request->architecture, &b->guest,
		    &b->parts.guest_len, err) < 0)
		return -1;
	b->parts.guest = b->guest;
	if (contents_gather(b->request, b->cache->path, &b->contents, &b->stamp, err) <
			0 ||
		parts_make_keys(&b->parts, err) < 0)
		return -1;
	b->entry.kernel_version = xstrdup(b->contents.got.kernel.version);
	b->entry.route = xstrdup(b->contents.route.name);
	parts_appliance_key(&b->parts, b->entry.key);
	return 0;
}

/* ---- Publishing ---- */

static int make_entry(struct build *b, struct error *err)
{
	CLEANUP_DRAFT struct draft draft = {0};
	CLEANUP_JSON json_t *manifest =
		manifest_new(store_kinds[STORE_APPLIANCES].word, b->entry.key);

	if (b->request->image)
		log_notice("building an appliance from the image %s and kernel %s",
			b->request->image, b->contents.got.kernel.version);
	else
		log_notice("building an appliance from %zu packages and kernel %s",
			b->contents.got.set.len, b->contents.got.kernel.version);
	gather_warn_unreadable(&b->contents.got);
	describe_contents(manifest, b->request, &b->contents);
	if (draft_open(b->cache, &draft, err) < 0)
		return -1;
	int result = parts_add(&b->parts, &draft, manifest, err);
	/* An interrupt is why a part failed, whatever the part says. */
	if (check_interrupted(b, err) < 0 || result < 0)
		return -1;
	return draft_publish(&draft, STORE_APPLIANCES, b->entry.key, manifest, err);
}

/* Fill in what the request's file tells about the appliance, if it is there. 1: it is
 * not. */
static int find_made(struct build *b)
{
	CLEANUP(store_release) struct store_hold hold = STORE_HOLD_INIT;
	CLEANUP_JSON json_t *manifest = NULL;

	if (!store_hold(b->cache, STORE_APPLIANCES, b->entry.key, &hold) ||
		manifest_read(hold.dir_fd, "", &manifest, NULL) < 0 ||
		manifest_check(manifest, hold.dir_fd, "", NULL) < 0)
		return 1;
	const char *uuid = manifest_text(manifest, "root_uuid");
	if (strlen(uuid) != sizeof(b->entry.root_uuid) - 1)
		return 1;
	strcpy(b->entry.root_uuid, uuid);
	free(b->entry.parts);
	b->entry.parts = entry_look(hold.dir_fd);
	return b->entry.parts ? 0 : 1;
}

static int find_or_make(struct build *b, struct error *err)
{
	CLEANUP_FREE char *name = xasprintf("appliance-%s", b->entry.key);
	CLEANUP_TURN struct turn turn = {0};

	if (find_made(b) == 0) {
		log_info("nothing in the appliance has changed");
		return 0;
	}
	if (turn_take(b->cache, name, "is building the same appliance",
		    b->options->interrupted, &turn, err) < 0)
		return -1;
	if (find_made(b) == 0)
		return 0;
	if (make_entry(b, err) < 0)
		return -1;
	if (find_made(b) != 0)
		return error_set(err, 0,
			"build an appliance: something removed '%s/appliances/%s' as soon as "
			"it was there",
			b->cache->path, b->entry.key);
	return 0;
}

/* Another builder may have made it while this one waited for its turn. */
static bool is_made(const struct build *b)
{
	CLEANUP(store_release) struct store_hold hold = STORE_HOLD_INIT;
	CLEANUP(entry_done) struct entry e = {0};

	return request_find(b->cache, b->digest, &e) == REQUEST_FITS && entry_fits(&e) &&
		entry_hold(b->cache, &e, &hold);
}

static int build(struct build *b, struct error *err)
{
	CLEANUP_FREE char *name = xasprintf("request-%s", b->digest);
	CLEANUP_TURN struct turn turn = {0};

	if (turn_take(b->cache, name, "is building this appliance",
		    b->options->interrupted, &turn, err) < 0)
		return -1;
	if (is_made(b))
		return 0;
	if (gather(b, err) < 0 || check_interrupted(b, err) < 0 ||
		find_or_make(b, err) < 0)
		return -1;
	return request_write(b->cache, b->digest, &b->entry, &b->stamp, err);
}

int build_appliance(const struct appliance_request *request, const struct cache *cache,
	const struct build_options *options, struct error *err)
{
	struct build b = {.request = request, .cache = cache, .options = options};

	appliance_request_digest(request, b.digest);
	int result = build(&b, err);
	parts_done(&b.parts);
	contents_done(&b.contents);
	entry_done(&b.entry);
	stamp_done(&b.stamp);
	free(b.guest);
	cache_collect_quietly(cache);
	return result;
}
