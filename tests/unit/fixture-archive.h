/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Archives that tests write entry by entry, to the file "a" of their scratch directory, and
 * the trees that come of them. */
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include "test-tree.h"

/* An archive being written to "a". */
static inline struct archive *begin(int format)
{
	struct archive *a = archive_write_new();

	assert_int_equal(archive_write_set_format(a, format), ARCHIVE_OK);
	archive_write_set_bytes_per_block(a, 512);
	assert_int_equal(archive_write_open_filename(a, "a"), ARCHIVE_OK);
	return a;
}

static inline struct archive_entry *entry(const char *path, mode_t mode)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_copy_pathname(e, path);
	archive_entry_set_mode(e, mode);
	archive_entry_set_mtime(e, 1, 0);
	return e;
}

static inline void put(struct archive *a, struct archive_entry *e, const char *text)
{
	if (text)
		archive_entry_set_size(e, strlen(text));
	if (archive_write_header(a, e) != ARCHIVE_OK)
		fail_msg("%s", archive_error_string(a));
	if (text)
		assert_int_equal(archive_write_data(a, text, strlen(text)), strlen(text));
	archive_entry_free(e);
}

static inline void put_file(struct archive *a, const char *path, const char *text)
{
	put(a, entry(path, S_IFREG | 0644), text);
}

static inline void put_link(
	struct archive *a, const char *path, const char *target, const char *text)
{
	struct archive_entry *e = entry(path, S_IFREG | 0644);

	archive_entry_copy_hardlink(e, target);
	put(a, e, text);
}

static inline void end(struct archive *a)
{
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

static inline int add(struct tree *t, const char *file, const char *at)
{
	CLEANUP_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return tree_add_archive(t,
		&(struct tree_archive){
			.fd = fd, .name = file, .at = at, .spool_dir = "."},
		&err);
}

static inline struct tree *tree_of(const char *file)
{
	struct tree *t = tree_new(NULL);

	assert_ok(add(t, file, "/"));
	return t;
}
