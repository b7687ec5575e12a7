/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading inputs. Lists are small and are read whole. Of a base image only the first bytes
 * are read here, to tell its kind; src/tree reads the rest.
 */
#include "assemble/spec.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#include "base/directory.h"
#include "base/io.h"
#include "base/log.h"
#include "base/strbuf.h"

#define LIST_MAX (64 * 1024 * 1024)
/* Directories nested deeper than this are taken for a loop of mounts. */
#define DEPTH_MAX 32

/* ---- What kind of file ---- */

static bool starts_with(const uint8_t *head, size_t len, size_t at, const char *magic)
{
	size_t n = strlen(magic);

	return len >= at + n && memcmp(head + at, magic, n) == 0;
}

static bool is_archive(const uint8_t *head, size_t len)
{
	/* newc, newc with checksums, odc; the old binary form in either byte order */
	return starts_with(head, len, 257, "ustar") ||
		starts_with(head, len, 0, "070701") ||
		starts_with(head, len, 0, "070702") ||
		starts_with(head, len, 0, "070707") ||
		starts_with(head, len, 0, "\xc7\x71") ||
		starts_with(head, len, 0, "\x71\xc7");
}

enum spec_kind spec_recognise(const uint8_t *head, size_t len)
{
	if (len == 0)
		return SPEC_EMPTY;
	if (is_archive(head, len))
		return SPEC_ARCHIVE;
	if (head[0] == '/')
		return SPEC_HOSTFILES;
	if (head[0] == '-')
		return SPEC_EXCLUDEFILES;
	/* isalnum() would take other letters in some locales. */
	if (head[0] < 0x80 && isalnum(head[0]))
		return SPEC_PACKAGES;
	return SPEC_UNKNOWN;
}

static const char *kind_name(enum spec_kind kind)
{
	static const char *const names[] = {
		[SPEC_UNKNOWN] = "unknown",
		[SPEC_EMPTY] = "empty",
		[SPEC_ARCHIVE] = "base image",
		[SPEC_HOSTFILES] = "hostfiles",
		[SPEC_EXCLUDEFILES] = "excludefiles",
		[SPEC_PACKAGES] = "packages",
	};
	return names[kind];
}

/* ---- Lists ---- */

static void trim(char *line)
{
	size_t len = strlen(line);

	while (len && isspace((unsigned char)line[len - 1]))
		line[--len] = '\0';
}

static int add_line(struct spec *spec, enum spec_kind kind, char *line, struct error *err)
{
	switch (kind) {
	case SPEC_PACKAGES:
		trim(line);
		if (*line)
			strvec_add(&spec->packages, line);
		return 0;
	case SPEC_HOSTFILES:
		if (*line != '/')
			return error_set(err, 0, "does not start with '/'");
		strvec_add(&spec->hostfiles, line);
		return 0;
	case SPEC_EXCLUDEFILES:
		if (*line != '-')
			return error_set(err, 0, "does not start with '-'");
		strvec_add(&spec->excludefiles, line + 1);
		return 0;
	default:
		return 0;
	}
}

int spec_parse(struct spec *spec, enum spec_kind kind, const char *text, size_t len,
	const char *name, struct error *err)
{
	const char *end = text + len;

	for (size_t number = 1; text < end; number++) {
		const char *newline = memchr(text, '\n', end - text);
		size_t n = (newline ? newline : end) - text;
		if (memchr(text, '\0', n))
			return error_set(
				err, 0, "'%s', line %zu: has a NUL in it", name, number);
		CLEANUP_FREE char *line = xstrndup(text, n);
		if (*line && add_line(spec, kind, line, err) < 0)
			return error_prefix(err,
				"'%s', line %zu ('%.100s') of a list of %s", name, number,
				line, kind_name(kind));
		text += n + (newline != NULL);
	}
	return 0;
}

bool spec_excludes(const struct spec *spec, const char *path)
{
	vector_foreach (pattern, &spec->excludefiles)
		if (fnmatch(*pattern, path, FNM_NOESCAPE) == 0)
			return true;
	return false;
}

/* ---- Files ---- */

static void cleanup_archive(struct archive **a)
{
	archive_read_free(*a);
}

/* A file as one stream of bytes, decompressed. */
static struct archive *open_stream(
	int fd, const char *path, bool *ret_empty, struct error *err)
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;

	if (!a)
		return error_null(err, 0, "libarchive can't be started");
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_format_raw(a);
	archive_read_support_format_empty(a);
	if (archive_read_open_fd(a, fd, 128 * 1024) == ARCHIVE_OK) {
		int r = archive_read_next_header(a, &entry);
		*ret_empty = r == ARCHIVE_EOF;
		if (r == ARCHIVE_OK || r == ARCHIVE_EOF)
			return a;
	}
	const char *why = archive_error_string(a);
	error_set(err, 0, "read '%s': %s", path, why ? why : "damaged");
	archive_read_free(a);
	return NULL;
}

/* Append until `ret` has `max` bytes. 1: there may be more. */
static int read_stream(struct archive *a, const char *path, size_t max,
	struct strbuf *ret, struct error *err)
{
	while (ret->len < max) {
		ssize_t n = archive_read_data(
			a, strbuf_grow(ret, max - ret->len), max - ret->len);
		if (n < 0)
			return error_set(
				err, 0, "read '%s': %s", path, archive_error_string(a));
		if (n == 0)
			return 0;
		ret->len += n;
	}
	return ret->len == max;
}

static int read_list(struct spec *spec, struct archive *a, enum spec_kind kind,
	const char *path, struct strbuf *text, struct error *err)
{
	size_t step = 64 * 1024;
	int more = 1;

	while (more == 1 && text->len < LIST_MAX)
		more = read_stream(a, path, text->len + step, text, err);
	if (more == 1)
		return error_set(err, EFBIG, "read the list '%s'", path);
	if (more < 0)
		return -1;
	return spec_parse(spec, kind, text->data, text->len, path, err);
}

static int read_file(struct spec *spec, const char *path, int fd, struct error *err)
{
	CLEANUP_STRBUF struct strbuf text = {0};
	bool empty = false;
	CLEANUP(cleanup_archive) struct archive *a = open_stream(fd, path, &empty, err);

	if (!a || (!empty && read_stream(a, path, SPEC_HEAD, &text, err) < 0))
		return -1;
	enum spec_kind kind = spec_recognise((uint8_t *)text.data, text.len);
	log_info("build: visiting %s type %s", path, kind_name(kind));
	switch (kind) {
	case SPEC_EMPTY:
		return 0;
	case SPEC_ARCHIVE:
		strvec_add(&spec->images, path);
		return 0;
	case SPEC_UNKNOWN:
		return error_set(err, 0,
			"'%s' can't be used as an input: it is neither a tar or cpio archive, nor a "
			"list of packages, hostfiles ('/…') or excludefiles ('-…')",
			path);
	default:
		return read_list(spec, a, kind, path, &text, err);
	}
}

static int read_path(struct spec *spec, const char *path, int depth, struct error *err);

static int read_directory(
	struct spec *spec, const char *path, int fd, int depth, struct error *err)
{
	CLEANUP_STRVEC struct strvec names = {0};

	if (depth > DEPTH_MAX)
		return error_set(err, ELOOP, "read directory '%s'", path);
	if (directory_list(fd, ".", 0, &names) < 0)
		return error_set(err, errno, "read directory '%s'", path);
	vector_foreach (name, &names) {
		CLEANUP_FREE char *inner = xasprintf("%s/%s", path, *name);
		if (read_path(spec, inner, depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int read_path(struct spec *spec, const char *path, int depth, struct error *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "open the input '%s'", path);
	strvec_add(&spec->read, path);
	if (S_ISDIR(st.st_mode))
		return read_directory(spec, path, fd, depth, err);
	return read_file(spec, path, fd, err);
}

int spec_read(struct spec *spec, const char *path, struct error *err)
{
	return read_path(spec, path, 0, err);
}

void spec_done(struct spec *spec)
{
	strvec_done(&spec->packages);
	strvec_done(&spec->hostfiles);
	strvec_done(&spec->excludefiles);
	strvec_done(&spec->images);
	strvec_done(&spec->read);
}
