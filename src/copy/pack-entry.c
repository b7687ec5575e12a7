/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file as an entry of the stream. All that the file's header promises has to follow: if a
 * file shrinks, or can't be read, zeros take the place of what is missing.
 *
 * Names are bytes. libarchive wants UTF-8 in pax headers, and marks the headers that have
 * other bytes as binary. So the locale has UTF-8: in the C locale all names that are not
 * ASCII would be marked, and other programs complain about the mark.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "base/path.h"
#include "base/vector.h"
#include "copy/attributes.h"
#include "copy/pack.h"

#define BUFFER_SIZE (256 * 1024)
#define BLOCK_SIZE  (64 * 1024)

/* Data of a file, between holes. */
struct run {
	off_t at, end;
};

struct runs {
	struct run *items;
	size_t len;
	size_t cap;
};

static void runs_done(struct runs *r)
{
	vector_done(r);
}

static void free_entry(struct archive_entry **e)
{
	archive_entry_free(*e);
}

/* ---- The stream ---- */

static la_ssize_t write_out(struct archive *a, void *data, const void *bytes, size_t len)
{
	const struct packer *p = data;

	if (io_write_full(p->out_fd, bytes, len) == 0)
		return len;
	archive_set_error(a, errno, "writing fails");
	return -1;
}

static int fail(struct packer *p, struct error *err)
{
	int num = archive_errno(p->a);

	if (num > 0)
		return error_set(err, num, "write the stream");
	return error_set(err, 0, "write the stream: %s", archive_error_string(p->a));
}

int packer_begin(struct packer *p, int out_fd, struct error *err)
{
	p->out_fd = out_fd;
	p->a = archive_write_new();
	p->names = archive_read_disk_new();
	if (!p->a || !p->names)
		return error_set(err, ENOMEM, "start libarchive");
	p->buffer = xmalloc(BUFFER_SIZE);
	p->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	p->locale_before = uselocale(p->locale);
	archive_read_disk_set_standard_lookup(p->names);
	archive_write_set_bytes_per_block(p->a, BLOCK_SIZE);
	archive_write_set_bytes_in_last_block(p->a, 1);
	/* libarchive's own form of attributes says the same a second time. */
	if (archive_write_set_format_pax(p->a) != ARCHIVE_OK ||
		archive_write_set_options(p->a, "xattrheader=SCHILY") != ARCHIVE_OK ||
		archive_write_open(p->a, p, NULL, write_out, NULL) != ARCHIVE_OK)
		return fail(p, err);
	return 0;
}

int packer_end(struct packer *p, bool whole, struct error *err)
{
	int result = 0;

	if (whole && archive_write_close(p->a) != ARCHIVE_OK)
		result = fail(p, err);
	if (p->a && !whole)
		archive_write_fail(p->a);
	archive_write_free(p->a);
	archive_read_free(p->names);
	if (p->locale_before)
		uselocale(p->locale_before);
	if (p->locale)
		freelocale(p->locale);
	strmap_done(&p->links);
	arena_done(&p->arena);
	strbuf_done(&p->name);
	free(p->buffer);
	return result;
}

/* 1: this entry can't be written. */
static int write_header(struct packer *p, struct archive_entry *e, struct error *err)
{
	int r = archive_write_header(p->a, e);

	/* ARCHIVE_WARN: a name is not UTF-8, so the header is marked as binary. */
	if (r == ARCHIVE_OK || r == ARCHIVE_WARN)
		return 0;
	if (r == ARCHIVE_FATAL)
		return fail(p, err);
	pack_complain(p, 0, archive_error_string(p->a));
	return 1;
}

/* ---- Content ---- */

static int write_data(struct packer *p, const char *data, size_t len, struct error *err)
{
	while (len) {
		la_ssize_t n = archive_write_data(p->a, data, len);
		if (n <= 0)
			return fail(p, err);
		data += n;
		len -= n;
	}
	return 0;
}

/* A hole's zeros too: libarchive leaves them out. */
static int write_zeros(struct packer *p, uint64_t len, struct error *err)
{
	static const char zeros[1024 * 1024];

	for (; len; len -= MIN(len, sizeof(zeros)))
		if (write_data(p, zeros, MIN(len, sizeof(zeros)), err) < 0)
			return -1;
	return 0;
}

/* 1: the file has failed, and zeros were written for the rest. */
static int write_run(struct packer *p, int fd, struct run run, struct error *err)
{
	while (run.at < run.end) {
		size_t want = MIN(run.end - run.at, BUFFER_SIZE);
		ssize_t n = io_pread_full(fd, p->buffer, want, run.at);
		if (n > 0 && write_data(p, p->buffer, n, err) < 0)
			return -1;
		run.at += MAX(n, 0);
		if (n == (ssize_t)want)
			continue;
		pack_complain(p, n < 0 ? errno : 0,
			n < 0 ? "zeros take the place of what can't be read"
			      : "it became shorter while it was read: zeros take the place "
				"of its end");
		return write_zeros(p, run.end - run.at, err) < 0 ? -1 : 1;
	}
	return 0;
}

static int write_content(struct packer *p, int fd, const struct stat *st,
	const struct runs *runs, struct error *err)
{
	struct stat after;
	off_t at = 0;
	int failed = 0;

	vector_foreach (run, runs) {
		if (write_zeros(p, run->at - at, err) < 0)
			return -1;
		failed = failed ? write_zeros(p, run->end - run->at, err)
				: write_run(p, fd, *run, err);
		if (failed < 0)
			return -1;
		at = run->end;
	}
	if (write_zeros(p, st->st_size - at, err) < 0)
		return -1;
	if (!failed && (fstat(fd, &after) < 0 || !file_is_unchanged(st, &after)))
		pack_complain(p, 0, "it changed while it was read");
	return 0;
}

static int find_runs(int fd, off_t size, struct runs *ret)
{
	struct run run = {0};
	int r;

	for (; (r = file_next_data(fd, &run.at, &run.end, size)) > 0; run.at = run.end)
		vector_push(ret, run);
	return r;
}

static void add_holes(
	struct archive_entry *e, const struct stat *st, const struct runs *runs)
{
	bool whole = runs->len == 1 && runs->items[0].at == 0 &&
		runs->items[0].end == st->st_size;

	if (whole || st->st_size == 0)
		return;
	vector_foreach (run, runs)
		archive_entry_sparse_add_entry(e, run->at, run->end - run->at);
	/* Nothing but a hole. */
	if (runs->len == 0)
		archive_entry_sparse_add_entry(e, 0, 0);
}

static int pack_regular(struct packer *p, struct archive_entry *e, int path_fd,
	const struct stat *st, struct error *err)
{
	CLEANUP(runs_done) struct runs runs = {0};

	/* Through the descriptor, so it is this file and no device, whatever the name leads to
	 * by now. */
	CLEANUP_CLOSE int fd =
		open(fd_path(path_fd).text, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || find_runs(fd, st->st_size, &runs) < 0) {
		pack_complain(p, errno, "it is left out");
		return 1;
	}
	archive_entry_set_size(e, st->st_size);
	add_holes(e, st, &runs);
	int result = write_header(p, e, err);
	return result ? result : write_content(p, fd, st, &runs, err);
}

/* ---- Metadata ---- */

static void add_xattr(
	struct packer *p, struct archive_entry *e, const char *path, const char *name)
{
	CLEANUP_FREE uint8_t *value = xmalloc(XATTR_SIZE_MAX);
	CLEANUP_FREE char *what = xasprintf("its attribute '%s' is left out", name);

	/* "=" ends a name in a pax header. */
	if (strchr(name, '=')) {
		pack_complain(p, 0, what);
		return;
	}
	ssize_t len = getxattr(path, name, value, XATTR_SIZE_MAX);
	if (len >= 0)
		archive_entry_xattr_add_entry(e, name, value, len);
	else if (errno != ENODATA)
		pack_complain(p, errno, what);
}

static void add_xattrs(struct packer *p, struct archive_entry *e, int fd)
{
	const struct fd_path path = fd_path(fd);
	CLEANUP_FREE char *large = NULL;
	char small[512], *names = small;

	/* The kernel allocates a buffer as large as ours, and most files have none. */
	ssize_t len = listxattr(path.text, small, sizeof(small));
	if (len < 0 && errno == ERANGE) {
		names = large = xmalloc(XATTR_LIST_MAX);
		len = listxattr(path.text, large, XATTR_LIST_MAX);
	}
	if (len < 0 && errno != ENOTSUP)
		pack_complain(p, errno, "its attributes are left out");
	for (const char *name = names; name < names + len; name += strlen(name) + 1)
		if (attributes_has(name))
			add_xattr(p, e, path.text, name);
}

/* libarchive writes the fraction behind a negative number, where it counts in the other
 * direction. */
static long fraction(const struct timespec *t)
{
	return t->tv_sec < 0 ? 0 : t->tv_nsec;
}

static void describe(
	struct packer *p, struct archive_entry *e, int fd, const struct stat *st)
{
	archive_entry_copy_pathname(e, p->name.data);
	archive_entry_set_mode(e, st->st_mode);
	archive_entry_set_uid(e, st->st_uid);
	archive_entry_set_gid(e, st->st_gid);
	archive_entry_copy_uname(e, archive_read_disk_uname(p->names, st->st_uid));
	archive_entry_copy_gname(e, archive_read_disk_gname(p->names, st->st_gid));
	archive_entry_set_mtime(e, st->st_mtim.tv_sec, fraction(&st->st_mtim));
	archive_entry_set_atime(e, st->st_atim.tv_sec, fraction(&st->st_atim));
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		archive_entry_set_rdev(e, st->st_rdev);
	add_xattrs(p, e, fd);
}

/* 1: the link is left out. */
static int read_target(struct packer *p, struct archive_entry *e, int fd)
{
	char target[PATH_MAX + 1];
	ssize_t len = readlinkat(fd, "", target, sizeof(target) - 1);

	if (len < 0) {
		pack_complain(p, errno, "it is left out");
		return 1;
	}
	target[len] = '\0';
	archive_entry_copy_symlink(e, target);
	return 0;
}

static int pack_as_it_is(struct packer *p, struct archive_entry *e, int fd,
	const struct stat *st, struct error *err)
{
	describe(p, e, fd, st);
	if (S_ISREG(st->st_mode))
		return pack_regular(p, e, fd, st, err);
	if (S_ISLNK(st->st_mode) && read_target(p, e, fd))
		return 1;
	return write_header(p, e, err);
}

int pack_entry(struct packer *p, int fd, const struct stat *st, struct error *err)
{
	CLEANUP(free_entry) struct archive_entry *e = archive_entry_new();
	bool linked = !S_ISDIR(st->st_mode) && st->st_nlink > 1;
	const char *first;
	char key[40];

	if (S_ISSOCK(st->st_mode)) {
		pack_say(p, 0, "a socket is left out");
		return 0;
	}
	snprintf(key, sizeof(key), "%jx:%jx", (uintmax_t)st->st_dev,
		(uintmax_t)st->st_ino);
	first = linked ? strmap_get(&p->links, key) : NULL;
	if (first) {
		describe(p, e, fd, st);
		archive_entry_copy_hardlink(e, first);
		return write_header(p, e, err) < 0 ? -1 : 0;
	}
	int result = pack_as_it_is(p, e, fd, st, err);
	if (result == 0 && linked)
		strmap_put(&p->links, arena_strdup(&p->arena, key),
			arena_strdup(&p->arena, p->name.data));
	return result < 0 ? -1 : 0;
}
