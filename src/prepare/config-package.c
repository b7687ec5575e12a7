/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration files out of a package:
 *
 *	.deb           ar ──► data.tar.xz ──► tar      an archive in an archive
 *	.rpm           its own header, then compressed cpio
 *	.pkg.tar.zst   compressed tar
 *
 * Only files with names that were asked for are read, into memory. All others are
 * skipped.
 */
#include <errno.h>
#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "prepare/config-files.h"

struct package_reader {
	struct config_files *files;
	const char *name;
	/* Of a .deb, which has an archive in an archive; else NULL. */
	struct archive *outer;
};

static struct archive *new_reader(void)
{
	struct archive *a = archive_read_new();

	if (!a)
		abort(); /* out of memory */
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_lzma(a);
	archive_read_support_filter_rpm(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_format_cpio(a);
	archive_read_support_format_tar(a);
	return a;
}

static int fail(const struct package_reader *r, struct archive *a, struct error *err)
{
	const char *why = archive_error_string(a);

	return error_set(
		err, 0, "package '%s': %s", r->name, why ? why : "can't be read");
}

/* ---- Entries ---- */

/* "./etc/x", "etc/x" and "/etc/x" are the same. */
static struct config_file *wanted_file(struct config_files *files, const char *name)
{
	if (!name)
		return NULL;
	if (name[0] == '.' && name[1] == '/')
		name++;
	name += strspn(name, "/");
	CLEANUP_FREE char *path = xasprintf("/%s", name);
	return strmap_get(&files->by_path, path);
}

static int read_data(struct package_reader *r, struct archive *a,
	struct archive_entry *entry, char **ret_data, size_t *ret_len, struct error *err)
{
	int64_t size = archive_entry_size(entry);

	if (size < 0 || (uint64_t)size > CONFIG_FILE_MAX)
		return error_set(err, EFBIG, "package '%s': '%s'", r->name,
			archive_entry_pathname(entry));
	CLEANUP_FREE char *data = xmalloc(MAX(size, 1));
	ssize_t n = archive_read_data(a, data, size);
	if (n < 0)
		return fail(r, a, err);
	if (n != size)
		return error_set(err, 0, "package '%s': '%s' is cut off", r->name,
			archive_entry_pathname(entry));
	*ret_data = TAKE_PTR(data);
	*ret_len = size;
	return 0;
}

static int take_entry(struct package_reader *r, struct archive *a,
	struct archive_entry *entry, struct error *err)
{
	struct config_file *file = wanted_file(r->files, archive_entry_pathname(entry));
	bool is_file = archive_entry_filetype(entry) == AE_IFREG;
	char *data = NULL;
	size_t len = 0;

	if (!file)
		return 0;
	if (archive_entry_hardlink(entry))
		return error_set(err, 0,
			"package '%s': configuration file '%s' is a hard link, which is "
			"not supported",
			r->name, file->path);
	if (!is_file && archive_entry_filetype(entry) != AE_IFLNK)
		return 0;
	if (is_file && read_data(r, a, entry, &data, &len, err) < 0)
		return -1;
	config_file_set(file, archive_entry_clone(entry), data, len);
	return 0;
}

static int take_entries(struct package_reader *r, struct archive *a, struct error *err)
{
	struct archive_entry *entry;
	int got;

	while ((got = archive_read_next_header(a, &entry)) >= ARCHIVE_WARN &&
		got != ARCHIVE_EOF)
		if (take_entry(r, a, entry, err) < 0)
			return -1;
	return got == ARCHIVE_EOF ? 0 : fail(r, a, err);
}

/* ---- A .deb's inside ---- */

/* libarchive's read callback: the inner archive's bytes are an entry of the outer one. */
static ssize_t read_member(struct archive *inner, void *data, const void **ret)
{
	struct package_reader *r = data;
	int64_t offset;
	size_t len;

	switch (archive_read_data_block(r->outer, ret, &len, &offset)) {
	case ARCHIVE_EOF:
		return 0;
	case ARCHIVE_OK:
		return len;
	default:
		archive_set_error(inner, archive_errno(r->outer), "%s",
			archive_error_string(r->outer));
		return -1;
	}
}

static int take_member(struct package_reader *r, struct error *err)
{
	struct archive *inner = new_reader();
	int result;

	if (archive_read_open(inner, r, NULL, read_member, NULL) == ARCHIVE_OK)
		result = take_entries(r, inner, err);
	else
		result = fail(r, inner, err);
	archive_read_free(inner);
	return result;
}

static int take_deb(
	struct package_reader *r, struct archive_entry *entry, struct error *err)
{
	int got;

	do {
		const char *name = archive_entry_pathname(entry);
		if (name && strncmp(name, "data.tar", 8) == 0)
			return take_member(r, err);
	} while ((got = archive_read_next_header(r->outer, &entry)) == ARCHIVE_OK);
	if (got != ARCHIVE_EOF)
		return fail(r, r->outer, err);
	return error_set(err, 0, "package '%s': there is no data.tar in it", r->name);
}

/* ---- Any of them ---- */

static int take_package(
	struct package_reader *r, struct archive *a, int fd, struct error *err)
{
	struct archive_entry *entry;

	archive_read_support_format_ar(a);
	if (archive_read_open_fd(a, fd, 128 * 1024) != ARCHIVE_OK)
		return fail(r, a, err);
	int got = archive_read_next_header(a, &entry);
	if (got == ARCHIVE_EOF)
		return 0; /* an rpm may hold no files at all */
	if (got < ARCHIVE_WARN)
		return fail(r, a, err);
	if ((archive_format(a) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_AR) {
		r->outer = a;
		return take_deb(r, entry, err);
	}
	return take_entry(r, a, entry, err) < 0 ? -1 : take_entries(r, a, err);
}

int config_files_read_package(
	struct config_files *c, int fd, const char *name, struct error *err)
{
	struct package_reader r = {.files = c, .name = name};
	struct archive *a = new_reader();
	/* In other locales libarchive would convert names from UTF-8; they are bytes. */
	locale_t posix = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	locale_t before = uselocale(posix);

	int result = take_package(&r, a, fd, err);
	archive_read_free(a);
	uselocale(before);
	freelocale(posix);
	return result;
}
