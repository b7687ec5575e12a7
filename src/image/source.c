/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/sha256.h"
#include "image/json.h"

#define LINKS_MAX 8

int image_source_open(struct image_source *ret, const char *path, bool is_archive,
	struct stamp *stamp, const char *spool_dir, struct error *err)
{
	const struct tree_options options = {0};

	*ret = (struct image_source){.path = path, .stamp = stamp};
	if (!is_archive)
		return 0;
	stamp_add(stamp, path);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "open the image '%s'", path);
	ret->archive = tree_new(&options);
	const struct tree_archive archive = {
		.fd = fd, .name = path, .at = "/", .spool_dir = spool_dir};
	if (tree_add_archive(ret->archive, &archive, err) == 0)
		return 0;
	image_source_done(ret);
	return -1;
}

void image_source_done(struct image_source *source)
{
	tree_free(source->archive);
	source->archive = NULL;
}

static int missing(
	const struct image_source *source, const char *name, int num, struct error *err)
{
	return error_set(err, num, "open '%s' in the image '%s'", name, source->path);
}

static int find_in_archive(const struct image_source *source, const char *name,
	struct image_file *ret, struct error *err)
{
	CLEANUP_FREE char *path = xasprintf("/%s", name);
	const struct tree_inode *inode = tree_lookup(source->archive, path);

	/* Two images of an archive share a layer by a link. */
	for (int i = 0; inode && S_ISLNK(inode->mode) && i < LINKS_MAX; i++) {
		CLEANUP_FREE char *link = TAKE_PTR(path);
		bool is_absolute = inode->target[0] == '/';
		int dir_len = is_absolute ? 0 : strrchr(link, '/') + 1 - link;
		path = xasprintf("%.*s%s", dir_len, link, inode->target);
		inode = tree_lookup(source->archive, path);
	}
	if (!inode || !S_ISREG(inode->mode))
		return missing(source, name, ENOENT, err);
	if (inode->content == TREE_CONTENT_NONE)
		return error_set(
			err, 0, "'%s' in the image '%s' is empty", name, source->path);
	ret->size = inode->size;
	return tree_content_open(inode, &ret->fd, &ret->offset, err);
}

/* The directory may be anything that a user got from others: a pipe or a device in it must
 * not stop us. */
static int find_in_directory(const struct image_source *source, const char *name,
	struct image_file *ret, struct error *err)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", source->path, name);
	struct stat st;

	stamp_add(source->stamp, path);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return missing(source, name, errno, err);
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return error_set(err, 0, "'%s' is %s", path,
			S_ISREG(st.st_mode) ? "empty" : "no file");
	*ret = (struct image_file){.fd = TAKE_FD(fd), .size = st.st_size};
	return 0;
}

int image_source_find(const struct image_source *source, const char *name,
	struct image_file *ret, struct error *err)
{
	return source->archive ? find_in_archive(source, name, ret, err)
			       : find_in_directory(source, name, ret, err);
}

int image_source_read(const struct image_source *source, const char *name,
	const char *digest, char **ret_data, size_t *ret_len, struct error *err)
{
	char hex[SHA256_HEX_LEN + 1];
	struct image_file file;
	struct sha256 hash;

	if (image_source_find(source, name, &file, err) < 0)
		return -1;
	CLEANUP_CLOSE int fd = file.fd;
	if (file.size > IMAGE_JSON_MAX)
		return error_set(
			err, EFBIG, "read '%s' in the image '%s'", name, source->path);
	CLEANUP_FREE char *data = xmalloc(file.size + 1);
	ssize_t n = io_pread_full(fd, data, file.size, file.offset);
	/* Shorter than it was: it is being written to. */
	if (n != (ssize_t)file.size)
		return error_set(err, n < 0 ? errno : EIO, "read '%s' in the image '%s'",
			name, source->path);
	data[file.size] = '\0';
	sha256_start(&hash);
	sha256_add(&hash, data, file.size);
	sha256_end_hex(&hash, hex);
	if (digest && strcmp(hex, digest) != 0)
		return error_set(err, 0,
			"'%s' in the image '%s' is damaged: its SHA-256 is %.16s…", name,
			source->path, hex);
	*ret_data = TAKE_PTR(data);
	*ret_len = file.size;
	return 0;
}
