/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where programs are: program.h. */
#include "base/program.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/trust.h"

char *program_path(struct error *err)
{
	char *path = realpath("/proc/self/exe", NULL);
	/* What execve() was given. A relative path holds only as long as the program has
	 * not changed its directory. */
	const char *given = (const char *)getauxval(AT_EXECFN);

	if (!path && given)
		path = realpath(given, NULL);
	return path ? path
		    : error_null(err, errno,
			      "find this program's own path; /proc would tell it");
}

char *program_beside(const char *name)
{
	struct error ignored;
	CLEANUP_FREE char *self = program_path(&ignored);

	if (!self)
		return NULL;
	*strrchr(self, '/') = '\0';
	CLEANUP_FREE char *path = xasprintf("%s/%s", self, name);
	return access(path, X_OK) == 0 ? TAKE_PTR(path) : NULL;
}

char *program_find(const char *name, const char *default_path)
{
	const char *path = getenv("PATH");
	CLEANUP_FREE char *copy = xstrdup(path && *path ? path : default_path);
	char *rest = copy;
	struct error why;

	for (char *dir; (dir = strsep(&rest, ":"));) {
		CLEANUP_FREE char *file = xasprintf("%s/%s", dir, name);
		/* A relative directory would let the current one choose the program. */
		if (*dir != '/' || access(file, X_OK) < 0)
			continue;
		if (trust_path(file, &why) == 0)
			return TAKE_PTR(file);
		log_warning("'%s', of PATH, is passed over: %-s", file, why.msg);
	}
	return NULL;
}
