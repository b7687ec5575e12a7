/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing a fixed appliance: a copy out of the cache, which appears whole or not at all.
 * Files are reflinked if the file system can; otherwise they are copied, and holes stay
 * holes.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/appliance.h"
#include "appliance/packed-memory.h"
#include "base/control.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/replace.h"
#include "cache/manifest.h"
#include "cache/request.h"

#define COPY_STEP ((size_t)16 << 20)

struct export
{
	int control_fd;
	struct replacement output;
	/* NULL: without one. */
	const struct snapshot_about *snapshot;
	const struct snapshot_files *files;
};

static int check_interrupted(const struct export *x, struct error *err)
{
	struct control_message message;

	if (control_read(x->control_fd, &message) && message.what == CONTROL_INTERRUPT)
		return control_error(message.signal, err);
	return 0;
}

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
			size_t step = MIN(end - at, COPY_STEP);
			if (file_copy_range(from, at, to, at, step) < 0)
				return error_set(err, errno, "copy");
			at += step;
		}
	}
	return 0;
}

static int create(const struct export *x, const char *name, struct error *err)
{
	int fd = openat(x->output.fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? error_set(err, errno, "create '%s/%s'", x->output.temporary, name)
		      : fd;
}

static int copy_file(const struct export *x, const struct appliance *a, const char *name,
	struct error *err)
{
	CLEANUP_FREE char *source = xasprintf("%s/%s", a->directory, name);
	CLEANUP_CLOSE int from = open(source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0)
		return error_set(err, errno, "open '%s'", source);
	CLEANUP_CLOSE int to = create(x, name, err);
	if (to < 0)
		return -1;
	if (copy_content(x, from, to, st.st_size, err) < 0)
		return err && err->num == EINTR
			? -1
			: error_prefix(err, "write '%s/%s'", x->output.temporary, name);
	if (fdatasync(to) < 0)
		return error_set(
			err, errno, "write '%s/%s' to disk", x->output.temporary, name);
	return 0;
}

/* Refuse to replace anything but an appliance or an empty directory. */
static int check_target(const char *dir, struct error *err)
{
	CLEANUP_JSON json_t *manifest = NULL;
	CLEANUP_STRVEC struct strvec files = {0};
	CLEANUP_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : error_set(err, errno, "open '%s'", dir);
	if (manifest_read(fd, dir, &manifest, NULL) == 0 &&
		manifest_check_sizes(manifest, fd, dir, NULL) == 0 &&
		manifest_check_others(manifest, fd, dir, NULL) == 0)
		return 0;
	if (directory_list(fd, ".", 0, &files) < 0)
		return error_set(err, errno, "list '%s'", dir);
	if (files.len == 0)
		return 0;
	return error_set(err, 0,
		"write the appliance to '%s': the directory has other files in it; name "
		"another directory",
		dir);
}

/* The manifest tells a reader whether it may use them. */
static int describe(const struct export *x, const struct appliance *a, struct error *err)
{
	static const char *const names[] = {APPLIANCE_MEMORY, APPLIANCE_STATE};
	CLEANUP_CLOSE int source = open(a->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_JSON json_t *manifest = NULL;

	if (source < 0)
		return error_set(err, errno, "open '%s'", a->directory);
	if (manifest_read(source, a->directory, &manifest, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (manifest_add_file(manifest, x->output.fd, names[i],
			    x->output.temporary, err) < 0)
			return -1;
	json_object_set_new(manifest, "snapshot",
		json_pack("{s:s, s:i}", "identity", x->snapshot->identity, "memory_mib",
			(int)x->snapshot->memory_mib));
	return manifest_write(manifest, x->output.fd, x->output.temporary, err);
}

static int write_snapshot(
	const struct export *x, const struct appliance *a, struct error *err)
{
	struct stat st;
	CLEANUP_CLOSE int memory = create(x, APPLIANCE_MEMORY, err);
	CLEANUP_CLOSE int state = memory < 0 ? -1 : create(x, APPLIANCE_STATE, err);

	if (state < 0 || packed_memory_write(x->files->ram_fd, memory, err) < 0)
		return -1;
	if (fstat(x->files->state_fd, &st) < 0 ||
		file_copy_range(x->files->state_fd, 0, state, 0, st.st_size) < 0)
		return error_set(err, errno, "write the state of the VM's devices");
	return describe(x, a, err);
}

static int write_files(
	const struct export *x, const struct appliance *a, struct error *err)
{
	/* It may hold files of the host that only this user may read. */
	if (fchmod(x->output.fd, 0700) < 0)
		return error_set(
			err, errno, "change the mode of '%s'", x->output.temporary);
	for (int i = 0; i < ENTRY_PARTS; i++)
		if (copy_file(x, a, entry_parts[i], err) < 0)
			return -1;
	if (x->snapshot ? write_snapshot(x, a, err) < 0
			: copy_file(x, a, MANIFEST_NAME, err) < 0)
		return -1;
	if (fsync(x->output.fd) < 0)
		return error_set(err, errno, "write '%s' to disk", x->output.temporary);
	return 0;
}

int appliance_export(const struct appliance *a, const struct snapshot_about *snapshot,
	const struct snapshot_files *files, const char *dir, int control_fd,
	struct error *err)
{
	struct export x = {
		.control_fd = control_fd, .snapshot = snapshot, .files = files};

	if (check_target(dir, err) < 0 || replacement_begin(dir, &x.output, err) < 0)
		return -1;
	int result = write_files(&x, a, err);
	if (result == 0)
		result = replacement_publish(&x.output, err);
	replacement_done(&x.output);
	return result;
}
