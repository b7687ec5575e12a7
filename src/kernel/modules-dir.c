/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A modules directory through libkmod: see modules-dir.h. */
#include "kernel/modules-dir.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

static void kmod_log(void *data, int priority, const char *file, int line, const char *fn,
	const char *format, va_list args)
{
	char text[512];

	(void)data;
	(void)priority;
	(void)file;
	(void)line;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("libkmod: %s: %s", fn, text);
}

int modules_dir_open(const char *dir, struct kmod_ctx **ret, struct error *err)
{
	/* The index is not enough: soft dependencies are in a text file, read as
	 * configuration. */
	CLEANUP_FREE char *softdep = xasprintf("%s/modules.softdep", dir);
	CLEANUP_FREE char *index = xasprintf("%s/modules.dep.bin", dir);
	const char *const config[] = {softdep, NULL};

	if (access(dir, F_OK) < 0)
		return error_set(err, errno, "no modules directory '%s'", dir);
	if (access(index, R_OK) < 0)
		return error_set(
			err, errno, "no module index '%s' (depmod makes it)", index);
	struct kmod_ctx *ctx = kmod_new(dir, config);
	if (!ctx)
		return error_set(err, 0, "libkmod can't read '%s'", dir);
	kmod_set_log_fn(ctx, kmod_log, NULL);
	*ret = ctx;
	return 0;
}

struct kmod_list *modules_dir_lookup(struct kmod_ctx *ctx, const char *name)
{
	struct kmod_list *list = NULL;

	if (kmod_module_new_from_lookup(ctx, name, &list) < 0)
		return NULL;
	return list;
}
