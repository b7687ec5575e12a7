/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A modules directory through libkmod: see modules-dir.h. */
#include "kernel/modules-dir.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/directory.h"
#include "base/io.h"
#include "base/log.h"
#include "base/path.h"
#include "kernel/module-index.h"

#define INDEX_MAX (64 * 1024 * 1024)

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

/* What makes an index anew is depmod, with the kernel's version: the directory's name. */
static char *version_of(const char *dir)
{
	CLEANUP_FREE char *copy = xstrdup(dir);

	return xstrdup(basename(copy));
}

static bool ends_with(const char *path, const char *end)
{
	size_t len = strlen(path), end_len = strlen(end);

	return len >= end_len && strcmp(path + len - end_len, end) == 0;
}

static int check_binary(const char *dir, const char *path, struct error *err)
{
	CLEANUP_FREE char *data = NULL;
	size_t len;

	/* libkmod does not get at it either, and goes without. */
	if (access(path, R_OK) < 0)
		return 0;
	if (io_read_file(AT_FDCWD, path, INDEX_MAX, &data, &len, err) < 0)
		return -1;
	const char *fault = module_index_fault((const uint8_t *)data, len);
	/* depmod leaves this one empty where it does not know what is built in. */
	if (!fault || (len == 0 && ends_with(path, "/modules.builtin.alias.bin")))
		return 0;
	CLEANUP_FREE char *version = version_of(dir);
	return error_set(err, 0,
		"the module index '%s' is damaged: %s (as root, 'depmod %s' makes it anew)",
		path, fault, version);
}

/* libkmod follows links, waits for the writer of a FIFO, and believes what it reads. */
static int check_index(const char *dir, const char *within, struct error *err)
{
	CLEANUP_STRVEC struct strvec names = {0};
	struct stat st;

	if (directory_list(AT_FDCWD, dir, 0, &names) < 0)
		return error_set(err, errno, "list '%s'", dir);
	vector_foreach (name, &names) {
		CLEANUP_FREE char *path = xasprintf("%s/%s", dir, *name);
		if (strncmp(*name, "modules.", 8) != 0 || stat(path, &st) < 0)
			continue;
		if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
			return error_set(err, 0, "'%s' is not a regular file", path);
		if (within && path_check_within(within, path, err) < 0)
			return -1;
		if (S_ISREG(st.st_mode) && st.st_size > INDEX_MAX)
			return error_set(err, EFBIG, "module index '%s'", path);
		if (S_ISREG(st.st_mode) && ends_with(*name, ".bin") &&
			check_binary(dir, path, err) < 0)
			return -1;
	}
	return 0;
}

int modules_dir_open(
	const char *dir, const char *within, struct kmod_ctx **ret, struct error *err)
{
	CLEANUP_FREE char *index = xasprintf("%s/modules.dep.bin", dir);
	const char *const no_config[] = {NULL};

	if (access(dir, F_OK) < 0)
		return error_set(err, errno, "no modules directory '%s'", dir);
	if (access(index, R_OK) < 0)
		return error_set(
			err, errno, "no module index '%s' (depmod makes it)", index);
	if (check_index(dir, within, err) < 0)
		return -1;
	struct kmod_ctx *ctx = kmod_new(dir, no_config);
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

static int out_of_date(const char *dir, const char *path, struct error *err)
{
	int num = errno;
	CLEANUP_FREE char *version = version_of(dir);

	return error_set(err, num,
		"the module index in '%s' is out of date (as root, 'depmod %s' renews it): '%s'",
		dir, version, path);
}

int modules_dir_check_files(const char *dir, const char *within,
	const struct kmod_list *list, struct error *err)
{
	const struct kmod_list *item;

	kmod_list_foreach(item, list)
	{
		struct kmod_module *mod = kmod_module_get_module(item);
		/* A module that is built in has no path. */
		const char *path = kmod_module_get_path(mod);
		int result =
			path && access(path, F_OK) < 0 ? out_of_date(dir, path, err) : 0;
		if (result == 0 && path && within)
			result = path_check_within(within, path, err);
		kmod_module_unref(mod);
		if (result < 0)
			return -1;
	}
	return 0;
}

char *modules_dir_read_dependencies(const char *dir)
{
	CLEANUP_FREE char *path = xasprintf("%s/modules.dep", dir);
	CLEANUP_FREE char *text = NULL;
	size_t len;

	/* In front of each path there is a newline. */
	if (io_read_file(AT_FDCWD, path, INDEX_MAX, &text, &len, NULL) < 0)
		return xstrdup("");
	return xasprintf("\n%s", text);
}

int modules_dir_check_dependencies(
	const char *dir, const char *dependencies, const char *path, struct error *err)
{
	size_t dir_len = path_trimmed_len(dir, strlen(dir));
	if (strncmp(path, dir, dir_len) == 0)
		path += dir_len + strspn(path + dir_len, "/");
	CLEANUP_FREE char *start = xasprintf("\n%s:", path);
	const char *line = strstr(dependencies, start);
	if (!line)
		return 0;
	line += strlen(start);
	CLEANUP_FREE char *copy = xstrndup(line, strcspn(line, "\n"));
	char *rest = copy;
	for (char *name; (name = strsep(&rest, " "));) {
		CLEANUP_FREE char *file = *name == '/'
			? xstrdup(name)
			: xasprintf("%.*s/%s", (int)dir_len, dir, name);
		if (*name && access(file, F_OK) < 0)
			return out_of_date(dir, file, err);
	}
	return 0;
}
