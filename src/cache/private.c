/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cache for one process, in a temporary place: where the user's own can't be written
 * to, the appliance is made there, used, and removed. The builder program removes it,
 * which is started when we end, in whatever way.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/remove.h"
#include "base/trust.h"
#include "base/vector.h"
#include "cache/cache.h"

static char *make_directory(struct error *err)
{
	const char *tmp = trust_temporary("/tmp", err);

	if (!tmp)
		return NULL;
	CLEANUP_FREE char *path = xasprintf("%s/hypermin-XXXXXX", tmp);
	if (!mkdtemp(path))
		return error_null(err, errno, "create '%s'", path);
	return TAKE_PTR(path);
}

int cache_open_private(const char *builder, struct cache *ret, struct error *err)
{
	CLEANUP_STRVEC struct strvec argv = {0};
	CLEANUP_FREE char *path = make_directory(err);

	if (!path)
		return -1;
	if (cache_open(path, ret, err) < 0) {
		rmdir(path);
		return -1;
	}
	strvec_add(&argv, builder);
	strvec_add(&argv, "remove");
	strvec_addf(&argv, "--cache=%s", ret->path);
	if (afterwards_start(&ret->removal, strvec_argv(&argv), err) < 0) {
		rmdir(path);
		cache_close(ret);
		return -1;
	}
	return 0;
}

/* ---- In the builder ---- */

/* How long a builder that was killed with us may take to end. */
#define REMOVE_TRIES   100
#define REMOVE_WAIT_MS 50

int cache_remove_private(const char *path, struct error *err)
{
	for (int i = 0; i < REMOVE_TRIES; i++) {
		remove_all(AT_FDCWD, path);
		if (access(path, F_OK) < 0)
			return 0;
		poll(NULL, 0, REMOVE_WAIT_MS);
	}
	return error_set(err, ENOTEMPTY, "remove '%s'", path);
}
