/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a kernel was configured. Distributions install the configuration with most kernels,
 * as lines of OPTION=VALUE and comments. Of a kernel without one nothing is known.
 */
#include <fcntl.h>
#include <libgen.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "kernel/kernel.h"

#define CONFIG_MAX ((size_t)16 * 1024 * 1024)

static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *p = text; (p = strstr(p, line)); p += len)
		if ((p == text || p[-1] == '\n') && (!p[len] || strchr("\r\n", p[len])))
			return true;
	return false;
}

static char *read_config(const char *root, const struct kernel *k, char **ret_path)
{
	CLEANUP_FREE char *image = xstrdup(k->image);
	char *const places[] = {
		k->build_tree ? xasprintf("%s/.config", k->build_tree)
			      : xasprintf("%s/config", k->modules_dir),
		xasprintf("%s/config-%s", dirname(image), k->version),
		xasprintf("%s/boot/config-%s", root, k->version),
	};
	char *text = NULL;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (!text &&
			io_read_file(
				AT_FDCWD, places[i], CONFIG_MAX, &text, &len, NULL) == 0)
			*ret_path = places[i];
		else
			free(places[i]);
	}
	return text;
}

bool kernel_enforces_signatures(const char *root, const struct kernel *k)
{
	/* The last two lock the kernel down from its start. That implies the first. */
	static const char *const lines[] = {"CONFIG_MODULE_SIG_FORCE=y",
		"CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY=y",
		"CONFIG_LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY=y"};
	CLEANUP_FREE char *path = NULL;
	CLEANUP_FREE char *text = read_config(root, k, &path);

	for (size_t i = 0; text && i < ARRAY_SIZE(lines); i++) {
		if (!has_line(text, lines[i]))
			continue;
		log_info("kernel: modules keep their signatures: %s in %s", lines[i],
			path);
		return true;
	}
	return false;
}
