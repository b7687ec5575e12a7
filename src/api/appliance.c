/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The handle's appliance: found in the cache, built, or fixed; and its export. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "api/handle.h"
#include "base/log.h"
#include "base/monotonic.h"

static int open_fixed(struct hypermin *h)
{
	struct error ignored;

	if (h->packages.len || h->kernel || h->image || strcmp(h->root, "/") != 0)
		return error_set(&h->error, 0,
			"start the appliance '%s': packages, a root, an image and a kernel "
			"can't be chosen for it any more; choose them for the build",
			h->fixed);
	if (appliance_open_fixed(h->fixed, &h->appliance, &h->error) < 0)
		return -1;
	h->architecture = h->appliance.architecture;
	/* Only verdicts are kept there, so a host may be without it. */
	if (h->cache.fd < 0)
		cache_open(h->cache_dir, &h->cache, &ignored);
	if (handle_find_routes(h) == 0)
		return 0;
	appliance_done(&h->appliance);
	return -1;
}

/* ---- From the cache ---- */

static int open_from(struct hypermin *h, const struct cache *cache, const char *builder,
	bool check_later)
{
	struct appliance_request request;

	if (handle_appliance_request(h, &request) < 0)
		return -1;
	int result = appliance_open(&request, cache, builder, h->control[0], check_later,
		&h->appliance, &h->error);
	strvec_done(&request.routes);
	return result;
}

static int open_private(struct hypermin *h, const char *builder)
{
	const struct error why = h->error;

	if (cache_open_private(builder, &h->private_cache, &h->error) < 0)
		return error_prefix(
			&h->error, "%-s; and there is no other place", why.msg);
	log_warning(
		"the cache can't be written to (%-s): the appliance is built in '%s' and "
		"removed afterwards",
		why.msg, h->private_cache.path);
	if (open_from(h, &h->private_cache, builder, false) < 0)
		return error_prefix(&h->error, "%-s; and in another place", why.msg);
	return 0;
}

static int open_cached(struct hypermin *h, const char *builder, bool check_later)
{
	/* This start failed on another route before. */
	if (h->private_cache.path)
		return open_from(h, &h->private_cache, builder, check_later);
	if (handle_open_cache(h) == 0 &&
		open_from(h, &h->cache, builder, check_later) == 0)
		return 0;
	if (!builder || !cache_is_unwritable(&h->cache, &h->error))
		return -1;
	return open_private(h, builder);
}

int handle_prepare(struct hypermin *h, bool may_build, bool check_later)
{
	CLEANUP_FREE char *builder = NULL;

	if (h->appliance.root)
		return 0;
	if (h->control[0] < 0) {
		h->error = h->control_error;
		return -1;
	}
	if (h->fixed)
		return open_fixed(h);
	if (h->from)
		return handle_open_state(h);
	if (may_build && !(builder = handle_find_program("hypermin-builder", &h->error)))
		return -1;
	int64_t begin = monotonic_us();
	int result = open_cached(h, builder, check_later);
	timeline_add(h->timeline, LANE_HOST, "find or build the appliance", begin);
	return result;
}

int hypermin_prepare(struct hypermin *h)
{
	return handle_prepare(h, true, false);
}

int hypermin_is_prepared(struct hypermin *h)
{
	if (h->appliance.root || h->fixed)
		return 1;
	if (handle_open_cache(h) < 0)
		return -1;
	struct appliance_request request;
	if (handle_appliance_request(h, &request) < 0)
		return -1;
	bool current = appliance_is_current(&request, &h->cache);
	strvec_done(&request.routes);
	return current;
}

int hypermin_export(struct hypermin *h, const char *dir)
{
	if (hypermin_prepare(h) < 0)
		return -1;
	return appliance_export(&h->appliance, NULL, NULL, dir, h->control[0], &h->error);
}
