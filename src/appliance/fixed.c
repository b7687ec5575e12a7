/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fixed appliances: a directory with kernel, initrd, root and manifest.json, for hosts that
 * have no package database and no kernel. Writing one is a copy out of the cache, seen whole
 * or not at all; one that is read comes from anywhere, so nothing its manifest says is
 * taken unchecked.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "appliance/appliance.h"
#include "appliance/entry.h"
#include "appliance/lock.h"
#include "appliance/manifest.h"
#include "base/control.h"
#include "base/io.h"
#include "base/log.h"

/* ---- Reading one ---- */

static bool is_uuid(const char *s)
{
	for (int i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
			return false;
	}
	return s[36] == '\0';
}

/* It is put on lines of its own, and into file names. */
static bool is_version(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)s[i]) || s[i] == '/')
			return false;
	return len > 0 && len < 200;
}

static int check_machine(const json_t *manifest, const char *where, struct error *err)
{
	const char *machine = manifest_text(manifest, "machine");
	struct utsname host;

	uname(&host);
	if (strcmp(machine, host.machine) != 0)
		return error_set(err, 0,
			"use the appliance '%s': it was made for %s, and this is %s",
			where, machine, host.machine);
	return 0;
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
			" is not that of an appliance",
			where);
	if (check_machine(manifest, where, err) < 0)
		return -1;
	if (manifest_check(manifest, dir_fd, where, err) < 0)
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

	if (!where)
		return error_set(err, errno, "find the appliance '%s'", dir);
	if (open_checked(where, &fd, &manifest, err) < 0)
		return -1;
	*ret = (struct appliance){
		.kernel = xasprintf("%s/kernel", where),
		.initrd = xasprintf("%s/initrd", where),
		.root = xasprintf("%s/root", where),
		.kernel_version = xstrdup(
			manifest_text(json_object_get(manifest, "kernel"), "version")),
		.route = xstrdup(manifest_text(manifest, "route")),
		/* Held like any other, as far as that goes. */
		.lock_fd = openat(fd, MANIFEST_NAME, O_RDONLY | O_CLOEXEC),
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

/* ---- Writing one ---- */

#define COPY_STEP ((size_t)16 << 20)

struct export
{
	int control_fd;
	char *target;	 /* as the user named it */
	char *temporary; /* beside it; NULL: not made yet, or moved */
	int temporary_fd;
};

static int check_interrupted(const struct export *x, struct error *err)
{
	struct control_message message;

	if (control_read(x->control_fd, &message) && message.what == CONTROL_INTERRUPT)
		return control_error(message.signal, err);
	return 0;
}

/* -1 with errno, or the bytes copied. */
static ssize_t copy_some(int from, int to, off_t at, size_t len)
{
	static const size_t buffer_size = 256 * 1024;
	off_t in = at, out = at;

	ssize_t n = copy_file_range(from, &in, to, &out, len, 0);
	if (n > 0 || (n < 0 && (errno == ENOSPC || errno == EIO || errno == EDQUOT)))
		return n;
	/* Not between these file systems. */
	CLEANUP_FREE char *buffer = xmalloc(buffer_size);
	n = io_pread_full(from, buffer, MIN(len, buffer_size), at);
	if (n > 0 && io_pwrite_full(to, buffer, n, at) < 0)
		return -1;
	return n;
}

/* -1 with errno; EINTR: see the error. Holes stay holes. */
static int copy_content(
	const struct export *x, int from, int to, off_t size, struct error *err)
{
	off_t at = 0;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	if (ftruncate(to, size) < 0)
		return error_set(err, errno, "make room");
	while (at < size) {
		off_t data = lseek(from, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		at = data < 0 ? at : data;
		off_t hole = lseek(from, at, SEEK_HOLE);
		off_t end = hole < 0 ? size : hole;
		while (at < end) {
			if (check_interrupted(x, err) < 0)
				return -1;
			ssize_t n = copy_some(
				from, to, at, MIN((size_t)(end - at), COPY_STEP));
			if (n <= 0)
				return error_set(err, n < 0 ? errno : EIO, "copy");
			at += n;
		}
	}
	return 0;
}

static int copy_file(const struct export *x, const struct appliance *a, const char *name,
	struct error *err)
{
	CLEANUP_FREE char *source = xasprintf("%s/%s", a->directory, name);
	CLEANUP_CLOSE int from = open(source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0)
		return error_set(err, errno, "open '%s'", source);
	CLEANUP_CLOSE int to = openat(
		x->temporary_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0)
		return error_set(err, errno, "create '%s/%s'", x->temporary, name);
	if (copy_content(x, from, to, st.st_size, err) < 0)
		return err && err->num == EINTR
			? -1
			: error_prefix(err, "write '%s/%s'", x->temporary, name);
	if (fdatasync(to) < 0)
		return error_set(err, errno, "write '%s/%s' to disk", x->temporary, name);
	return 0;
}

/* What is replaced has to be an appliance, or nothing. */
static int check_target(const struct export *x, struct error *err)
{
	CLEANUP_JSON json_t *manifest = NULL;
	CLEANUP_STRVEC struct strvec files = {0};
	CLEANUP_CLOSE int fd = open(x->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0
				       : error_set(err, errno, "open '%s'", x->target);
	if (manifest_read(fd, x->target, &manifest, NULL) == 0 &&
		manifest_check(manifest, fd, x->target, NULL) == 0 &&
		manifest_check_others(manifest, fd, x->target, NULL) == 0)
		return 0;
	store_list_directory(fd, ".", &files);
	if (files.len == 0)
		return 0;
	return error_set(err, 0,
		"write the appliance to '%s': there is something there, and it is no "
		"appliance; name another directory",
		x->target);
}

static void remove_directory(const char *path)
{
	CLEANUP_STRVEC struct strvec files = {0};

	store_list_directory(AT_FDCWD, path, &files);
	vector_foreach (file, &files) {
		CLEANUP_FREE char *name = xasprintf("%s/%s", path, *file);
		unlink(name);
	}
	rmdir(path);
}

static int move_into_place(struct export *x, struct error *err)
{
	bool replaces = access(x->target, F_OK) == 0;

	if (renameat2(AT_FDCWD, x->temporary, AT_FDCWD, x->target,
		    replaces ? RENAME_EXCHANGE : RENAME_NOREPLACE) < 0) {
		/* A file system that can do neither: the old one goes first. */
		if (replaces)
			remove_directory(x->target);
		if (rename(x->temporary, x->target) < 0)
			return error_set(err, errno, "rename '%s' to '%s'", x->temporary,
				x->target);
		replaces = false;
	}
	if (replaces)
		remove_directory(x->temporary);
	free(x->temporary);
	x->temporary = NULL;
	return 0;
}

static int write_export(struct export *x, const struct appliance *a, struct error *err)
{
	if (check_target(x, err) < 0)
		return -1;
	CLEANUP_FREE char *temporary = xasprintf("%s.XXXXXX", x->target);
	if (!mkdtemp(temporary))
		return error_set(err, errno, "create a directory beside '%s'", x->target);
	x->temporary = TAKE_PTR(temporary);
	x->temporary_fd = open(x->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->temporary_fd < 0)
		return error_set(err, errno, "open '%s'", x->temporary);
	for (int i = 0; i < ENTRY_PARTS; i++)
		if (copy_file(x, a, entry_parts[i], err) < 0)
			return -1;
	if (copy_file(x, a, MANIFEST_NAME, err) < 0)
		return -1;
	if (fsync(x->temporary_fd) < 0)
		return error_set(err, errno, "write '%s' to disk", x->temporary);
	return move_into_place(x, err);
}

int appliance_export(
	const struct appliance *a, const char *dir, int control_fd, struct error *err)
{
	struct export x = {.control_fd = control_fd, .temporary_fd = -1};

	x.target = xstrdup(dir);
	for (size_t len = strlen(dir); len > 1 && dir[len - 1] == '/'; len--)
		x.target[len - 1] = '\0';
	int result = write_export(&x, a, err);
	if (x.temporary)
		remove_directory(x.temporary);
	cleanup_close(&x.temporary_fd);
	free(x.temporary);
	free(x.target);
	return result;
}
