/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the calls of the public interface share. */
#include "api/handle.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/program.h"
#include "base/trust.h"
#include "config.h"

char *handle_find_program(const char *name, struct error *err)
{
	const char *dir = secure_getenv("HYPERMIN_LIBEXECDIR");

	if (dir && *dir) {
		CLEANUP_FREE char *named = xasprintf("%s/%s", dir, name);
		if (access(named, X_OK) == 0) {
			if (trust_path(named, err) == 0)
				return TAKE_PTR(named);
			error_prefix(err, "use HYPERMIN_LIBEXECDIR='%s'", dir);
			return NULL;
		}
		return error_null(err, errno,
			"find %s, a part of hypermin, in '%s', which HYPERMIN_LIBEXECDIR "
			"names; correct or unset that variable",
			name, dir);
	}
	CLEANUP_FREE char *path = program_beside(name);
	if (path)
		return TAKE_PTR(path);
	path = xasprintf(HYPERMIN_LIBEXECDIR "/%s", name);
	if (access(path, X_OK) == 0)
		return TAKE_PTR(path);
	int why = errno;
	/* The command line itself. */
	free(path);
	path = xasprintf(HYPERMIN_BINDIR "/%s", name);
	if (access(path, X_OK) == 0)
		return TAKE_PTR(path);
	return error_null(err, why,
		"find %s, a part of hypermin, in " HYPERMIN_LIBEXECDIR
		"; install hypermin again, or name its directory in HYPERMIN_LIBEXECDIR",
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
	if (h->vm || h->stopped || h->appliance.root)
		return error_set(&h->error, 0,
			"change a setting: the appliance is open; settings come before that");
	return 0;
}
