/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Archives, read by libarchive. They are not trusted: no name leads out of the directory
 * that the archive is put at (`..` is an error, a leading slash is ignored), and a hard
 * link's target is a file in the tree. An entry that can't be stored as it is is an error.
 *
 * Names are bytes. libarchive converts PAX names from UTF-8 to the locale's character set.
 * In the C locale that fails for every name that is not ASCII, and then libarchive leaves
 * the name as it is.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <string.h>

#include "tree/acl.h"
#include "tree/archive-input.h"
#include "tree/layer.h"
#include "tree/put.h"
#include "tree/resolve.h"
#include "tree/spool.h"
#include "tree/unpack.h"

struct reader {
	struct tree *t;
	struct archive *a;
	struct tree_inode *at;
	struct unpack unpack;
	/* NULL: whiteouts are errors. */
	struct layer *layer;
};

/* A name is not in the locale's character set. */
static bool is_charset_warning(int r, struct archive *a)
{
	return r == ARCHIVE_WARN && archive_errno(a) == EILSEQ;
}

/* A path in an archive, without leading slashes. A ".." in it is an error. */
static const char *confine(const char *path, struct error *err)
{
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");
		if (len == 2 && memcmp(p, "..", 2) == 0)
			return error_null(err, 0, "the path '%s' has a '..' in it", path);
		p += len;
		p += strspn(p, "/");
	}
	return path + strspn(path, "/");
}

static int add_xattrs(struct tree *t, struct archive_entry *e, struct tree_inode *file,
	struct error *err)
{
	CLEANUP_XATTRS struct xattr_list list = {0};
	const char *flags = archive_entry_fflags_text(e), *name;
	const void *value;
	size_t len;

	if (flags && *flags)
		return error_set(err, 0, "its file flags '%s' can't be stored", flags);
	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK) {
		if (!name)
			continue;
		if (!xattr_wanted(name))
			return error_set(
				err, 0, "its attribute '%s' can't be stored", name);
		xattr_add(t, &list, name, value, len);
	}
	if (acl_add_xattrs(t, e, &list, &file->mode, err) < 0)
		return -1;
	xattr_attach(t, &list, file);
	return 0;
}

static int check_id(int64_t id, const char *what, struct error *err)
{
	if (id < 0 || id > UINT32_MAX)
		return error_set(err, ERANGE, "%s %lld", what, (long long)id);
	return 0;
}

static int read_metadata(struct tree *t, struct archive_entry *e, struct tree_inode *file,
	struct error *err)
{
	int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e);

	if (check_id(uid, "owner", err) < 0 || check_id(gid, "group", err) < 0)
		return -1;
	file->mode = archive_entry_mode(e) & (S_IFMT | 07777);
	file->foreign = true;
	file->uid = uid;
	file->gid = gid;
	if (archive_entry_mtime_is_set(e)) {
		file->mtime.sec = archive_entry_mtime(e);
		file->mtime.nsec = archive_entry_mtime_nsec(e) % 1000000000;
	}
	return add_xattrs(t, e, file, err);
}

static int read_symlink(struct tree *t, struct archive_entry *e, struct tree_inode *file,
	struct error *err)
{
	const char *target = archive_entry_symlink(e);
	size_t len = target ? strlen(target) : 0;

	if (len == 0)
		return error_set(err, 0, "the symlink has no target");
	if (len > TREE_TARGET_MAX)
		return error_set(err, ENAMETOOLONG, "target of %zu bytes", len);
	file->target = arena_strndup(&t->arena, target, len);
	file->size = len;
	return 0;
}

static int read_device(
	struct archive_entry *e, struct tree_inode *file, struct error *err)
{
	uint64_t major = archive_entry_rdevmajor(e), minor = archive_entry_rdevminor(e);

	if (major > UINT32_MAX || minor > UINT32_MAX)
		return error_set(err, ERANGE, "device number");
	file->rdev_major = major;
	file->rdev_minor = minor;
	return 0;
}

static int read_content(struct reader *r, struct archive_entry *e,
	struct tree_inode *file, struct error *err)
{
	switch (file->mode & S_IFMT) {
	case S_IFREG:
		return unpack_content(&r->unpack, r->a, e, file, err);
	case S_IFLNK:
		return read_symlink(r->t, e, file, err);
	case S_IFCHR:
	case S_IFBLK:
		return read_device(e, file, err);
	case S_IFDIR:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	default:
		return error_set(
			err, 0, "file type 0%o is not known", file->mode & S_IFMT);
	}
}

static bool is_format(struct archive *a, int format)
{
	return (archive_format(a) & ARCHIVE_FORMAT_BASE_MASK) == format;
}

static int put(struct reader *r, const struct tree_spot *spot,
	const struct tree_inode *file, struct error *err)
{
	struct tree_inode *inode = node_at(spot);

	if (r->layer && S_ISDIR(file->mode) && inode && S_ISLNK(inode->mode))
		node_remove(r->t, spot);
	if (tree_put(r->t, spot, file, &inode, err) < 0)
		return -1;
	layer_note(r->layer, spot);
	return 0;
}

static int put_link(struct reader *r, const struct tree_spot *spot,
	struct tree_inode *inode, struct error *err)
{
	layer_note(r->layer, spot);
	return node_add_link(r->t, spot, inode, err);
}

/* A name in a cpio archive has the number of a file that has its content already. With other
 * content it is another file: programs number files by 18 bits, or all by 0. */
static int add_repeated(struct reader *r, struct archive_entry *e,
	const struct tree_spot *spot, struct tree_inode *inode, struct error *err)
{
	struct tree_inode file = {0};
	bool same;

	if (read_metadata(r->t, e, &file, err) < 0 || read_content(r, e, &file, err) < 0)
		return -1;
	if (spool_equal(inode->source, file.source, MIN(inode->size, file.size), &same,
		    err) < 0)
		return -1;
	return same && inode->size == file.size ? put_link(r, spot, inode, err)
						: put(r, spot, &file, err);
}

static int add_hardlink(struct reader *r, struct archive_entry *e,
	const struct tree_spot *spot, struct error *err)
{
	const char *path = confine(archive_entry_hardlink(e), err);
	struct tree_inode *inode = NULL;
	struct tree_spot target;

	if (!path)
		return -1;
	enum tree_result found =
		resolve_spot(r->t, TREE_WALK_FIND, r->at, path, &target, err);
	if (found == TREE_FAILED)
		return -1;
	if (found == TREE_DONE)
		inode = node_at(&target);
	if (!inode || S_ISDIR(inode->mode))
		return error_set(err, 0,
			"it is a hard link to '%s', which is no file so far", path);
	/* In cpio the last name has the content, or each name has it; some tar archives
	 * repeat it. */
	if (archive_entry_size(e) > 0 && S_ISREG(inode->mode)) {
		if (is_format(r->a, ARCHIVE_FORMAT_CPIO) &&
			inode->content == TREE_CONTENT_SPOOL)
			return add_repeated(r, e, spot, inode, err);
		if (unpack_content(&r->unpack, r->a, e, inode, err) < 0)
			return -1;
	}
	return put_link(r, spot, inode, err);
}

static int add_at(
	struct reader *r, struct archive_entry *e, const char *path, struct error *err)
{
	struct tree_inode file = {0};
	struct tree_spot spot;

	if (resolve_spot(r->t, TREE_WALK_MAKE, r->at, path, &spot, err) != TREE_DONE)
		return -1;
	bool is_dir = archive_entry_filetype(e) == AE_IFDIR;
	if (spot.len == 0 && !is_dir)
		return error_set(err, EISDIR,
			"it would replace the directory that the archive is put at");
	/* A directory can look like a hard link in cpio archives whose inode numbers are
	 * made up. */
	if (archive_entry_hardlink(e) && !is_dir)
		return add_hardlink(r, e, &spot, err);
	if (read_metadata(r->t, e, &file, err) < 0 || read_content(r, e, &file, err) < 0)
		return -1;
	return put(r, &spot, &file, err);
}

static int add_entry(struct reader *r, struct archive_entry *e, struct error *err)
{
	const char *raw = archive_entry_pathname(e);
	if (!raw || !*raw)
		return error_set(err, 0, "an entry has no name");
	const char *path = confine(raw, err);
	if (!path)
		return -1;
	int result = layer_is_whiteout(path) ? layer_apply(r->layer, r->at, path, err)
					     : add_at(r, e, path, err);
	return result < 0 ? error_prefix(err, "'%.1000s'", raw) : 0;
}

/*
 * libarchive takes the end of the file for the end of a tar archive, and so accepts an
 * archive that was cut between two entries.
 */
static int check_end(struct archive *a, struct error *err)
{
	if (is_format(a, ARCHIVE_FORMAT_TAR) &&
		archive_filter_bytes(a, 0) == archive_read_header_position(a))
		return error_set(
			err, 0, "the end mark is missing: the archive is cut off");
	return 0;
}

/* One archive, from the input's position to the archive's end. */
static int read_entries(struct reader *r, struct error *err)
{
	struct archive_entry *e;

	for (;;) {
		int got = archive_read_next_header(r->a, &e);
		if (got == ARCHIVE_EOF)
			return check_end(r->a, err);
		if (got != ARCHIVE_OK && !is_charset_warning(got, r->a))
			return archive_input_fail(r->a, err);
		if (add_entry(r, e, err) < 0)
			return -1;
	}
}

static int read_archives(struct reader *r, struct archive_input *in, struct error *err)
{
	bool is_first = true;
	int more = 1;

	while (more > 0) {
		r->a = archive_read_new();
		if (!r->a)
			return error_set(err, ENOMEM, "start libarchive");
		archive_read_support_format_tar(r->a);
		archive_read_support_format_cpio(r->a);
		more = archive_input_attach(in, r->a, err);
		if (more == 0)
			more = read_entries(r, err);
		if (more < 0 && !is_first)
			error_prefix(err, "after the first archive's end");
		if (more == 0)
			more = archive_input_next(in, r->a, err);
		archive_read_free(r->a);
		is_first = false;
	}
	return more;
}

int tree_add_archive(
	struct tree *t, const struct tree_archive *archive, struct error *err)
{
	CLEANUP(archive_input_done) struct archive_input in = {0};
	CLEANUP(layer_done) struct layer layer = {.t = t};
	struct reader r = {.t = t, .layer = archive->is_layer ? &layer : NULL};
	const struct tree_spot at = {t->root, archive->at, strlen(archive->at)};

	if (resolve_dir(t, TREE_WALK_MAKE, &at, &r.at, err) < 0)
		return error_prefix(err, "archive '%s'", archive->name);
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	locale_t before = uselocale(c);
	unpack_init(&r.unpack, t, archive);
	int result = archive_input_open(&in, archive, err);
	if (result == 0)
		result = read_archives(&r, &in, err);
	if (archive_input_check(&in, result < 0, err) < 0)
		result = -1;
	unpack_done(&r.unpack);
	uselocale(before);
	freelocale(c);
	return result < 0 ? error_prefix(err, "archive '%s'", archive->name) : 0;
}
