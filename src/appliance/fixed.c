/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fixed appliances: a directory with kernel, initrd, root and manifest.json, for hosts
 * that have no package database and no kernel. It may come from anyone, so everything that
 * the manifest says is checked. export.c writes them.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "appliance/appliance.h"
#include "appliance/image-config.h"
#include "base/log.h"
#include "cache/lock.h"
#include "cache/manifest.h"
#include "cache/request.h"

static bool is_uuid(const char *s)
{
	for (int i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
			return false;
	}
	return s[36] == '\0';
}

/* The version is printed on lines of its own and becomes part of file names. */
static bool is_version(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)s[i]) || s[i] == '/')
			return false;
	return len > 0 && len < 200;
}

static int check_manifest(
	const json_t *manifest, int dir_fd, const char *where, struct error *err)
{
	const json_t *files = json_object_get(manifest, "files");
	const json_t *kernel = json_object_get(manifest, "kernel");

	bool is_appliance = strcmp(manifest_text(manifest, "kind"), "appliance") == 0 &&
		is_uuid(manifest_text(manifest, "root_uuid")) &&
		is_version(manifest_text(kernel, "version"));
	for (int i = 0; i < ENTRY_PARTS; i++)
		is_appliance &= json_object_get(files, entry_parts[i]) != NULL;
	if (!is_appliance)
		return error_set(err, 0,
			"use the appliance '%s': its " MANIFEST_NAME
			" does not describe an appliance",
			where);
	const char *machine = manifest_text(manifest, "machine");
	if (!architecture_find(machine))
		return error_set(err, 0,
			"use the appliance '%s': it was made for %s, which hypermin does not "
			"know",
			where, machine);
	if (manifest_check_sizes(manifest, dir_fd, where, err) < 0)
		return error_prefix(err, "use the appliance '%s'", where);
	return 0;
}

static int open_checked(
	const char *where, int *ret_dir_fd, json_t **ret_manifest, struct error *err)
{
	CLEANUP_JSON json_t *manifest = NULL;
	CLEANUP_CLOSE int fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, errno, "open the appliance '%s'", where);
	if (manifest_read(fd, where, &manifest, err) < 0)
		return error_prefix(err, "use the appliance '%s'", where);
	if (check_manifest(manifest, fd, where, err) < 0)
		return -1;
	*ret_dir_fd = TAKE_FD(fd);
	*ret_manifest = TAKE_PTR(manifest);
	return 0;
}

int appliance_open_fixed(const char *dir, struct appliance *ret, struct error *err)
{
	CLEANUP_FREE char *where = realpath(dir, NULL);
	CLEANUP_JSON json_t *manifest = NULL;
	CLEANUP_CLOSE int fd = -1;
	struct image_config image;

	if (!where)
		return error_set(err, errno, "find the appliance '%s'", dir);
	if (open_checked(where, &fd, &manifest, err) < 0)
		return -1;
	const json_t *of_image = json_object_get(manifest, "image");
	if (of_image && image_config_parse(of_image, &image, err) < 0)
		return error_prefix(err, "use the appliance '%s'", where);
	*ret = (struct appliance){
		.kernel = xasprintf("%s/kernel", where),
		.initrd = xasprintf("%s/initrd", where),
		.root = xasprintf("%s/root", where),
		.kernel_version = xstrdup(
			manifest_text(json_object_get(manifest, "kernel"), "version")),
		.architecture = architecture_find(manifest_text(manifest, "machine")),
		.route = xstrdup(manifest_text(manifest, "route")),
		.image = of_image ? xmemdup(&image, sizeof(image)) : NULL,
		/* Locked as one in the cache is, if the file system can. */
		.lock_fd = openat(fd, MANIFEST_NAME,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK),
	};
	strcpy(ret->root_uuid, manifest_text(manifest, "root_uuid"));
	if (ret->lock_fd >= 0)
		lock_try(ret->lock_fd, LOCK_SHARED);
	ret->directory = TAKE_PTR(where);
	log_info("appliance: %s, kernel %s", ret->root, ret->kernel_version);
	return 0;
}

int appliance_verify_fixed(const char *dir, struct error *err)
{
	CLEANUP(digests_done) struct digests digests = {0};
	CLEANUP_JSON json_t *manifest = NULL;
	CLEANUP_CLOSE int fd = -1;

	if (open_checked(dir, &fd, &manifest, err) < 0)
		return -1;
	return manifest_check_digests(manifest, fd, &digests, dir, err);
}
