/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "appliance/image-name.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static const char *const prefixes[] = {
	[IMAGE_ROOT_ARCHIVE] = "",
	[IMAGE_OCI] = "oci:",
	[IMAGE_OCI_ARCHIVE] = "oci-archive:",
	[IMAGE_DOCKER_ARCHIVE] = "docker-archive:",
};

static enum image_kind kind_of(const char *text)
{
	enum image_kind found = IMAGE_ROOT_ARCHIVE;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0)
			found = i;
	return found;
}

/* Cut the tag off a path. NULL: there is none. */
static char *split(char *path)
{
	size_t end = strlen(path);
	char *colon = NULL;

	while (access(path, F_OK) < 0) {
		char *before = memrchr(path, ':', end);
		if (colon)
			*colon = ':';
		if (!before)
			return NULL;
		colon = before;
		end = colon - path;
		*colon = '\0';
	}
	return colon ? colon + 1 : NULL;
}

static int check_type(const struct image_name *name, struct error *err)
{
	struct stat st;

	if (stat(name->path, &st) < 0)
		return error_set(err, errno, "look at the image '%s'", name->path);
	if (name->kind == IMAGE_OCI && !S_ISDIR(st.st_mode))
		return error_set(err, ENOTDIR,
			"'%s' is a file; an image in an archive is named "
			"oci-archive:FILE or docker-archive:FILE, after its format",
			name->path);
	if (name->kind != IMAGE_OCI && S_ISDIR(st.st_mode))
		return error_set(err, EISDIR,
			"'%s' is a directory; an OCI image layout is named oci:DIR",
			name->path);
	return 0;
}

int image_name_parse(const char *text, struct image_name *ret, struct error *err)
{
	struct image_name name = {.kind = kind_of(text)};
	const char *rest = text + strlen(prefixes[name.kind]);
	CLEANUP_FREE char *path = xstrdup(rest);

	char *tag = name.kind == IMAGE_ROOT_ARCHIVE ? NULL : split(path);
	if (tag && !*tag)
		return error_set(err, 0, "the image '%s' has an empty tag", text);
	name.path = realpath(path, NULL);
	if (!name.path)
		return error_set(err, errno,
			"find the image '%s'; it is named oci:DIR[:TAG], "
			"oci-archive:FILE[:TAG] or docker-archive:FILE[:TAG], or is a tar "
			"file of a root file system",
			rest);
	name.tag = tag ? xstrdup(tag) : NULL;
	if (check_type(&name, err) < 0) {
		image_name_done(&name);
		return -1;
	}
	*ret = name;
	return 0;
}

char *image_name_text(const struct image_name *name)
{
	return xasprintf("%s%s%s%s", prefixes[name->kind], name->path,
		name->tag ? ":" : "", name->tag ? name->tag : "");
}

void image_name_done(struct image_name *name)
{
	free(name->path);
	free(name->tag);
	*name = (struct image_name){0};
}
