/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a request to an appliance: look into the cache, else run the builder and look
 * again. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "appliance/builder.h"
#include "appliance/image-config.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "cache/manifest.h"
#include "cache/request.h"

static int build(const struct appliance_request *request, const struct cache *cache,
	const char *program, int control_fd, struct error *err)
{
	CLEANUP_STRVEC struct strvec argv = {0};
	const struct builder_task task = {.request = *request, .cache_dir = cache->path};

	builder_argv(&argv, program, "build", &task);
	return builder_run(&argv, control_fd, NULL, err);
}

/* ---- From the cache ---- */

/* Only the manifest has it. NULL: it is damaged. */
static struct image_config *read_image_config(int dir_fd)
{
	CLEANUP_JSON json_t *manifest = NULL;
	struct image_config config;

	if (manifest_read(dir_fd, "", &manifest, NULL) < 0 ||
		image_config_parse(json_object_get(manifest, "image"), &config, NULL) < 0)
		return NULL;
	return xmemdup(&config, sizeof(config));
}

/* 1: it is no longer there. */
static int hold(const struct cache *cache, const struct entry *e, bool of_image,
	struct appliance *ret)
{
	CLEANUP(store_release) struct store_hold hold = STORE_HOLD_INIT;

	if (!entry_hold(cache, e, &hold))
		return 1;
	if (of_image && !(ret->image = read_image_config(hold.dir_fd)))
		return 1;
	ret->directory = xasprintf("%s/appliances/%s", cache->path, e->key);
	ret->kernel = xasprintf("%s/kernel", ret->directory);
	ret->initrd = xasprintf("%s/initrd", ret->directory);
	ret->root = xasprintf("%s/root", ret->directory);
	ret->kernel_version = xstrdup(e->kernel_version);
	ret->route = xstrdup(e->route);
	strcpy(ret->root_uuid, e->root_uuid);
	ret->lock_fd = TAKE_FD(hold.manifest_fd);
	return 0;
}

/* 1: it has to be built. */
static int find(const struct appliance_request *request, const struct cache *cache,
	const char *digest, bool check_later, struct appliance *ret)
{
	CLEANUP(entry_done) struct entry e = {0};

	if (request_find(cache, digest, &e) != REQUEST_FITS ||
		(!check_later && !entry_fits(&e)) ||
		hold(cache, &e, request->image, ret) != 0)
		return 1;
	if (check_later)
		ret->check = entry_check_start(&e);
	return 0;
}

bool appliance_confirm(struct appliance *a)
{
	return !a->check || stamp_check_end(TAKE_PTR(a->check));
}

int appliance_open(const struct appliance_request *request, const struct cache *cache,
	const char *builder, int control_fd, bool check_later, struct appliance *ret,
	struct error *err)
{
	struct appliance a = {.lock_fd = -1};
	char digest[SHA256_HEX_LEN + 1];
	int64_t start = monotonic_ms();

	appliance_request_digest(request, digest);
	int result = find(request, cache, digest, check_later, &a);
	if (result == 1 && !builder)
		return error_set(
			err, ENOENT, "open an appliance: it is not in the cache");
	/* Twice: before it is held, what the builder made may become outdated or may be
	 * collected. */
	for (int i = 0; i < 2 && result == 1; i++) {
		a.built = true;
		if (build(request, cache, builder, control_fd, err) < 0)
			return -1;
		result = find(request, cache, digest, check_later, &a);
	}
	if (result == 1)
		return error_set(err, 0,
			"build an appliance: packages or kernels on the host changed while "
			"it was made; wait until they are installed, then try again");
	a.architecture = request->architecture;
	log_info("appliance: %s, kernel %s; %s %lld ms", a.root, a.kernel_version,
		a.built ? "built or checked in" : "from the cache in",
		(long long)(monotonic_ms() - start));
	*ret = a;
	return 0;
}

bool appliance_is_current(
	const struct appliance_request *request, const struct cache *cache)
{
	CLEANUP(appliance_done) struct appliance a = {.lock_fd = -1};
	char digest[SHA256_HEX_LEN + 1];

	appliance_request_digest(request, digest);
	return find(request, cache, digest, false, &a) == 0;
}

void appliance_done(struct appliance *a)
{
	if (!a->root)
		return;
	appliance_confirm(a);
	free(a->directory);
	free(a->kernel);
	free(a->initrd);
	free(a->root);
	free(a->kernel_version);
	free(a->route);
	if (a->image)
		image_config_done(a->image);
	free(a->image);
	if (a->snapshot)
		free(a->snapshot->identity);
	free(a->snapshot);
	cleanup_close(&a->lock_fd);
	for (int i = 0; a->part_fds && i < ENTRY_PARTS; i++)
		cleanup_close(&a->part_fds[i]);
	free(a->part_fds);
	*a = (struct appliance){.lock_fd = -1};
}
