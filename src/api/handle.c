/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the calls of the public interface share. */
#include "api/handle.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

static char *beside_this_program(const char *name)
{
	char self[4096];

	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len <= 0)
		return NULL;
	self[len] = '\0';
	char *slash = strrchr(self, '/');
	return slash ? xasprintf("%.*s/%s", (int)(slash - self), self, name) : NULL;
}

char *handle_find_program(const char *name, struct error *err)
{
	const char *dir = secure_getenv("HYPERMIN_LIBEXECDIR");
	CLEANUP_FREE char *file = NULL;

	if (dir && *dir)
		return xasprintf("%s/%s", dir, name);
	file = beside_this_program(name);
	if (file && access(file, X_OK) == 0)
		return TAKE_PTR(file);
	CLEANUP_FREE char *installed = xasprintf(HYPERMIN_LIBEXECDIR "/%s", name);
	if (access(installed, X_OK) == 0)
		return TAKE_PTR(installed);
	return error_null(err, errno,
		"find %s, a part of hypermin: it is not in " HYPERMIN_LIBEXECDIR
		"; install hypermin whole, or name its directory in HYPERMIN_LIBEXECDIR",
		name);
}

char *hypermin_find_program(struct hypermin *h, const char *name)
{
	return handle_find_program(name, &h->error);
}

int handle_open_cache(struct hypermin *h)
{
	if (h->cache.fd >= 0)
		return 0;
	return cache_open(h->cache_dir, &h->cache, &h->error);
}

int handle_check_not_started(struct hypermin *h)
{
	if (h->vm || h->appliance.kernel)
		return error_set(&h->error, EBUSY, "change a setting after the start");
	return 0;
}
