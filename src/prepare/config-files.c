/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration files of the host, and the archive of those that were found. Names in the
 * archive begin with "./", as if tar had packed a directory. Times of access and of change
 * are left out, so that the same files always give the same bytes.
 */
#include "prepare/config-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/path.h"

void config_files_init(struct config_files *c, const char *const *paths, size_t n_paths)
{
	*c = (struct config_files){.len = n_paths};
	c->items = xcalloc(n_paths, sizeof(c->items[0]));
	for (size_t i = 0; i < n_paths; i++) {
		c->items[i].path = paths[i];
		strmap_put(&c->by_path, paths[i], &c->items[i]);
	}
}

static void forget(struct config_file *file)
{
	archive_entry_free(file->entry);
	free(file->data);
	*file = (struct config_file){.path = file->path};
}

void config_files_done(struct config_files *c)
{
	for (size_t i = 0; i < c->len; i++)
		forget(&c->items[i]);
	free(c->items);
	strmap_done(&c->by_path);
	*c = (struct config_files){0};
}

size_t config_files_found(const struct config_files *c)
{
	size_t found = 0;

	for (size_t i = 0; i < c->len; i++)
		found += c->items[i].entry != NULL;
	return found;
}

/* SELinux labels belong to the host's policy, not to the file. */
static void drop_labels(struct archive_entry *entry)
{
	struct archive_entry *all = archive_entry_clone(entry);
	const char *name;
	const void *value;
	size_t len;

	archive_entry_xattr_clear(entry);
	archive_entry_xattr_reset(all);
	while (archive_entry_xattr_next(all, &name, &value, &len) == ARCHIVE_OK)
		if (strcmp(name, "security.selinux") != 0)
			archive_entry_xattr_add_entry(entry, name, value, len);
	archive_entry_free(all);
}

void config_file_set(
	struct config_file *file, struct archive_entry *entry, char *data, size_t len)
{
	CLEANUP_FREE char *name = xasprintf(".%s", file->path);

	forget(file);
	archive_entry_copy_pathname(entry, name);
	archive_entry_unset_atime(entry);
	archive_entry_unset_ctime(entry);
	archive_entry_unset_birthtime(entry);
	archive_entry_sparse_clear(entry);
	drop_labels(entry);
	archive_entry_set_size(entry, len);
	file->entry = entry;
	file->data = data;
	file->len = len;
}

/* ---- From the host ---- */

/* 1: this user can't read it, or it is not there. */
static int read_content(
	const char *path, char **ret_data, size_t *ret_len, struct error *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 && errno == EACCES) {
		log_warning("left out '%s': this user may not read it", path);
		return 1;
	}
	if (fd < 0)
		return error_set(err, errno, "open '%s'", path);
	return io_read_fd(fd, path, CONFIG_FILE_MAX, ret_data, ret_len, err);
}

static int read_file(struct archive *disk, struct config_file *file, const char *path,
	struct error *err)
{
	CLEANUP_FREE char *data = NULL;
	struct stat st;
	size_t len = 0;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR || errno == EACCES)
			return 0;
		return error_set(err, errno, "look at '%s'", path);
	}
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return 0;
	if (S_ISREG(st.st_mode)) {
		int result = read_content(path, &data, &len, err);
		if (result != 0)
			return MIN(result, 0);
	}
	struct archive_entry *entry = archive_entry_new();
	archive_entry_copy_sourcepath(entry, path);
	if (archive_read_disk_entry_from_file(disk, entry, -1, &st) < ARCHIVE_WARN) {
		error_set(err, 0, "look at '%s': %s", path, archive_error_string(disk));
		archive_entry_free(entry);
		return -1;
	}
	config_file_set(file, entry, TAKE_PTR(data), len);
	return 0;
}

int config_files_read_host(struct config_files *c, const char *root, struct error *err)
{
	struct archive *disk = archive_read_disk_new();
	int result = 0;

	archive_read_disk_set_standard_lookup(disk);
	archive_read_disk_set_behavior(disk, ARCHIVE_READDISK_NO_FFLAGS);
	for (size_t i = 0; i < c->len && result == 0; i++) {
		CLEANUP_FREE char *path = path_below(root, c->items[i].path);
		result = read_file(disk, &c->items[i], path, err);
	}
	archive_read_free(disk);
	return result;
}

/* ---- The archive ---- */

static int write_file(struct archive *a, const struct config_file *file,
	int64_t mtime_max, struct error *err)
{
	struct archive_entry *entry = archive_entry_clone(file->entry);

	if (archive_entry_mtime(entry) > mtime_max)
		archive_entry_set_mtime(entry, mtime_max, 0);
	bool written = archive_write_header(a, entry) >= ARCHIVE_WARN &&
		archive_write_data(a, file->data, file->len) == (ssize_t)file->len;
	archive_entry_free(entry);
	if (!written)
		return error_set(
			err, 0, "write '%s': %s", file->path, archive_error_string(a));
	return 0;
}

static int write_archive(struct archive *a, const struct config_files *c, int fd,
	int64_t mtime_max, struct error *err)
{
	archive_write_set_format_pax_restricted(a);
	archive_write_add_filter_gzip(a);
	archive_write_set_filter_option(a, "gzip", "timestamp", NULL);
	if (archive_write_open_fd(a, fd) < ARCHIVE_WARN)
		return error_set(err, 0, "%s", archive_error_string(a));
	for (size_t i = 0; i < c->len; i++)
		if (c->items[i].entry && write_file(a, &c->items[i], mtime_max, err) < 0)
			return -1;
	if (archive_write_close(a) < ARCHIVE_WARN)
		return error_set(err, archive_errno(a), "write an archive");
	return 0;
}

int config_files_write(
	const struct config_files *c, int fd, int64_t mtime_max, struct error *err)
{
	struct archive *a = archive_write_new();
	int result = write_archive(a, c, fd, mtime_max, err);

	archive_write_free(a);
	return result;
}
