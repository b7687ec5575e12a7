/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The initrd's few files as a newc cpio, through libarchive. Owners and times are zero
 * and inode numbers count up from 1, so that the bytes do not depend on host or time.
 */
#include "initrd/initrd.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "protocol/boot.h"

#define BUFFER_SIZE (1024 * 1024)

struct writer {
	struct archive *archive;
	struct archive_entry *entry;
	int64_t next_inode;
};

static void writer_done(struct writer *w)
{
	archive_entry_free(w->entry);
	archive_write_free(w->archive);
}

static int failure(struct writer *w, const char *what, struct error *err)
{
	const char *why = archive_error_string(w->archive);

	return error_set(err, archive_errno(w->archive), "write the initrd, %s: %s", what,
		why ? why : "unknown error");
}

/* The next file, with what all files have in common. The caller adds the rest, and then
 * calls add_entry(). */
static struct archive_entry *new_entry(struct writer *w, const char *path, mode_t mode)
{
	archive_entry_clear(w->entry);
	archive_entry_set_pathname(w->entry, path);
	archive_entry_set_mode(w->entry, mode);
	archive_entry_set_ino64(w->entry, w->next_inode++);
	archive_entry_set_nlink(w->entry, S_ISDIR(mode) ? 2 : 1);
	archive_entry_set_mtime(w->entry, 0, 0);
	archive_entry_set_size(w->entry, 0);
	return w->entry;
}

static int add_entry(struct writer *w, struct error *err)
{
	/* A warning means that libarchive changed the entry to make it fit: an error too. */
	if (archive_write_header(w->archive, w->entry) != ARCHIVE_OK)
		return failure(w, archive_entry_pathname(w->entry), err);
	return 0;
}

static int add_directory(struct writer *w, const char *path, struct error *err)
{
	new_entry(w, path, S_IFDIR | 0755);
	return add_entry(w, err);
}

static int add_console(struct writer *w, struct error *err)
{
	struct archive_entry *entry = new_entry(w, "dev/console", S_IFCHR | 0600);

	archive_entry_set_rdevmajor(entry, 5);
	archive_entry_set_rdevminor(entry, 1);
	return add_entry(w, err);
}

static int add_file(struct writer *w, const char *path, mode_t permissions,
	const void *data, size_t len, struct error *err)
{
	archive_entry_set_size(new_entry(w, path, S_IFREG | permissions), len);
	if (add_entry(w, err) < 0)
		return -1;
	if (len && archive_write_data(w->archive, data, len) != (la_ssize_t)len)
		return failure(w, path, err);
	return 0;
}

static int add_modules(struct writer *w, const struct initrd_module *modules, size_t n,
	struct error *err)
{
	if (n > INITRD_MODULES_MAX)
		return error_set(err, 0,
			"%zu modules for the initrd: more than %d can't be right", n,
			INITRD_MODULES_MAX);
	for (size_t i = 0; i < n; i++) {
		CLEANUP_FREE char *path = xasprintf("%s/%03zu-%s.ko",
			modules[i].later ? INITRD_LATER_MODULES : INITRD_MODULES, i,
			modules[i].name);
		if (add_file(w, path, 0644, modules[i].data, modules[i].len, err) < 0)
			return -1;
	}
	return 0;
}

static int add_all(struct writer *w, const uint8_t *init, size_t init_len,
	const struct initrd_module *modules, size_t n_modules, bool own_init,
	struct error *err)
{
	static const char *const directories[] = {
		"dev", INITRD_MODULES, INITRD_LATER_MODULES, "proc", "sys"};

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (add_directory(w, directories[i], err) < 0)
			return -1;
	if (add_console(w, err) < 0 ||
		add_file(w, INITRD_INIT, 0755, init, init_len, err) < 0)
		return -1;
	if (own_init && add_file(w, INITRD_OWN_INIT, 0644, "", 0, err) < 0)
		return -1;
	return add_modules(w, modules, n_modules, err);
}

int initrd_write(int fd, const uint8_t *init, size_t init_len,
	const struct initrd_module *modules, size_t n_modules, bool own_init,
	struct error *err)
{
	CLEANUP(writer_done)
	struct writer w = {
		.archive = archive_write_new(),
		.entry = archive_entry_new(),
		.next_inode = 1,
	};

	if (!w.archive || !w.entry)
		return error_set(err, 0, "libarchive can't be started");
	archive_write_set_format_cpio_newc(w.archive);
	archive_write_set_bytes_per_block(w.archive, BUFFER_SIZE);
	archive_write_set_bytes_in_last_block(w.archive, 1);
	if (archive_write_open_fd(w.archive, fd) != ARCHIVE_OK)
		return failure(&w, "its start", err);
	if (add_all(&w, init, init_len, modules, n_modules, own_init, err) < 0)
		return -1;
	if (archive_write_close(w.archive) != ARCHIVE_OK)
		return failure(&w, "its end", err);
	return 0;
}
