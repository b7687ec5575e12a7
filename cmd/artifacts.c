/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bringing results out of a run's VM: artifacts.h. */
#include "artifacts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* "PATH:DIR", where a backslash makes a colon a part of PATH. NULL: it is none. */
static char *split(const char *value, const char **ret_directory)
{
	char *path = strdup(value), *to = path;

	if (!path)
		abort();
	for (; *value && *value != ':'; value++) {
		if (*value == '\\' && (value[1] == ':' || value[1] == '\\'))
			value++;
		*to++ = *value;
	}
	*to = '\0';
	if (*value != ':' || !value[1] || *path != '/') {
		free(path);
		return NULL;
	}
	*ret_directory = value + 1;
	return path;
}

int artifacts_take(const struct option_row *row, void *member, const char *value)
{
	struct artifacts *a = member;
	struct artifact artifact = {0};

	(void)row;
	artifact.path = split(value, &artifact.directory);
	if (!artifact.path)
		return options_complain(
			"--artifacts takes PATH:DIR, with an absolute PATH in the guest and "
			"a directory here, not '%s'",
			value);
	a->items = reallocarray(a->items, a->len + 1, sizeof(a->items[0]));
	if (!a->items)
		abort();
	a->items[a->len++] = artifact;
	return 0;
}

void artifacts_free(struct artifacts *a)
{
	for (size_t i = 0; i < a->len; i++) {
		free(a->items[i].path);
		free(a->items[i].error);
	}
	free(a->items);
}

int artifacts_prepare(const struct artifacts *a)
{
	struct stat st;

	for (size_t i = 0; i < a->len; i++) {
		const char *dir = a->items[i].directory;
		if (mkdir(dir, 0777) == 0)
			continue;
		int num = errno;
		if (num == EEXIST && stat(dir, &st) == 0)
			num = S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
		if (num)
			return options_complain(
				"--artifacts: make the directory '%s': %s", dir,
				strerror(num));
	}
	return 0;
}

static void warn(struct artifact *artifact, const char *why)
{
	char *text;

	artifact->error = strdup(why);
	if (!artifact->error ||
		asprintf(&text, "the artifact '%s' is missing or not whole: %s",
			artifact->path, why) < 0)
		abort();
	message_warning(text);
	free(text);
}

void artifacts_fetch(struct artifacts *a, struct hypermin *vm)
{
	for (size_t i = 0; i < a->len; i++) {
		struct artifact *one = &a->items[i];

		one->copied =
			hypermin_copy_out(vm, one->path, one->directory, 0, false) == 0;
		if (!one->copied)
			warn(one, hypermin_error(vm));
	}
}
