/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing a manifest while a directory is made, and comparing the directory with it. */
#include "cache/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/io.h"
#include "base/sha256.h"
#include "cache/ram.h"
#include "config.h"

#define FORMAT 2

json_t *manifest_string(const char *s)
{
	json_t *json = json_string(s);
	return json ? json : json_null();
}

/* ---- Writing ---- */

json_t *manifest_new(const char *kind, const char *key)
{
	json_t *json = json_pack("{s:i, s:s, s:s, s:s, s:{}}", "format", FORMAT,
		"hypermin", HYPERMIN_VERSION, "kind", kind, "key", key, "files");
	if (!json)
		abort(); /* out of memory: everything in it is valid */
	return json;
}

static int open_file(int dir_fd, const char *name, const char *where, struct stat *ret,
	struct error *err)
{
	CLEANUP_CLOSE int fd = openat(
		dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, ret) < 0)
		return error_set(err, errno, "open '%s/%s'", where, name);
	if (!S_ISREG(ret->st_mode))
		return error_set(err, 0, "'%s/%s' is not a regular file", where, name);
	return TAKE_FD(fd);
}

/* Without the device: its number may be another after the host's next boot. */
static char *identity_of(const struct stat *st, bool is_ram)
{
	const struct timespec *t = is_ram ? &st->st_ctim : &st->st_mtim;

	return xasprintf("inode %llu, %s %lld.%09ld", (unsigned long long)st->st_ino,
		is_ram ? "changed" : "modified", (long long)t->tv_sec, t->tv_nsec);
}

static void enter(json_t *manifest, const char *name, const struct stat *st,
	const char *sha256, const char *pages)
{
	CLEANUP_FREE char *identity = identity_of(st, pages);
	json_t *file =
		json_pack("{s:I, s:s*, s:s*, s:s}", "size", (json_int_t)st->st_size,
			"sha256", sha256, "pages", pages, "identity", identity);

	if (!file)
		abort(); /* out of memory: everything in it is valid */
	json_object_set_new(json_object_get(manifest, "files"), name, file);
}

int manifest_add_file(json_t *manifest, int dir_fd, const char *name, const char *where,
	struct error *err)
{
	char hex[SHA256_HEX_LEN + 1];
	struct stat st;

	CLEANUP_CLOSE int fd = open_file(dir_fd, name, where, &st, err);
	if (fd < 0)
		return -1;
	/* Start write-back now: it overlaps with hashing. */
	sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	if (sha256_file(fd, hex) < 0)
		return error_set(err, errno, "read '%s/%s'", where, name);
	enter(manifest, name, &st, hex, NULL);
	/* Some file systems say only here that they are full. */
	if (fdatasync(fd) < 0)
		return error_set(err, errno, "write '%s/%s' to disk", where, name);
	return 0;
}

int manifest_add_ram(json_t *manifest, const char *name, int fd,
	const char pages[static SHA256_HEX_LEN + 1], struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "look at '%s'", name);
	enter(manifest, name, &st, NULL, pages);
	return 0;
}

void manifest_copy_file(json_t *manifest, const json_t *from, const char *name)
{
	json_object_set(json_object_get(manifest, "files"), name,
		json_object_get(json_object_get(from, "files"), name));
}

int manifest_write(
	const json_t *manifest, int dir_fd, const char *where, struct error *err)
{
	CLEANUP_FREE char *text = json_dumps(manifest, JSON_INDENT(2));

	if (!text)
		abort();
	CLEANUP_CLOSE int fd = openat(
		dir_fd, MANIFEST_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || io_write_full(fd, text, strlen(text)) < 0 ||
		io_write_full(fd, "\n", 1) < 0 || fdatasync(fd) < 0)
		return error_set(err, errno, "write '%s/" MANIFEST_NAME "'", where);
	return 0;
}

/* ---- Reading ---- */

static bool is_plain_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 &&
		strcmp(name, "..") != 0 && strcmp(name, MANIFEST_NAME) != 0;
}

static bool is_digest_or_absent(const json_t *file, const char *field)
{
	const json_t *digest = json_object_get(file, field);

	return !digest ||
		(json_is_string(digest) && sha256_is_hex(json_string_value(digest)));
}

static bool has_valid_files(const json_t *manifest)
{
	json_t *files = json_object_get(manifest, "files");
	const char *name;
	json_t *file;

	json_object_foreach(files, name, file)
	{
		const json_t *size = json_object_get(file, "size");
		if (!is_plain_name(name) || !json_is_integer(size) ||
			json_integer_value(size) < 0 ||
			!is_digest_or_absent(file, "sha256") ||
			!is_digest_or_absent(file, "pages"))
			return false;
	}
	return json_is_object(files);
}

int manifest_read(int dir_fd, const char *where, json_t **ret, struct error *err)
{
	CLEANUP_FREE char *text = NULL;
	size_t len;
	json_error_t why;

	/* A link could lead out of the directory, and errors would tell what is there. */
	CLEANUP_CLOSE int fd = io_open_file(dir_fd, MANIFEST_NAME, O_NOFOLLOW, err);
	if (fd < 0 || io_read_fd(fd, MANIFEST_NAME, MANIFEST_MAX, &text, &len, err) < 0)
		return error_prefix(err, "'%s'", where);
	CLEANUP_JSON json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!json)
		return error_set(err, 0, "read '%s/" MANIFEST_NAME "': line %d: %s",
			where, why.line, why.text);
	json_int_t format = json_integer_value(json_object_get(json, "format"));
	if (format > FORMAT)
		return error_set(err, 0,
			"read '%s/" MANIFEST_NAME
			"': its format is that of a newer hypermin",
			where);
	if (format != FORMAT || !has_valid_files(json))
		return error_set(err, 0,
			"read '%s/" MANIFEST_NAME "': it is not a manifest of hypermin's",
			where);
	*ret = TAKE_PTR(json);
	return 0;
}

const char *manifest_text(const json_t *manifest, const char *field)
{
	const char *text = json_string_value(json_object_get(manifest, field));
	return text ? text : "";
}

/* ---- Checking ---- */

static int check_digest(
	const char *hex, const char *expected, const char *path, struct error *err)
{
	if (strcmp(hex, expected) == 0)
		return 0;
	return error_set(err, 0,
		"'%s' does not hold what it was made with: its SHA-256 is %.16s…, and not "
		"%.16s…",
		path, hex, expected);
}

static int check_content(const json_t *file, int fd, const struct stat *st,
	struct digests *digests, const char *path, struct error *err)
{
	const char *sha256 = json_string_value(json_object_get(file, "sha256"));
	const char *pages = json_string_value(json_object_get(file, "pages"));
	char hex[SHA256_HEX_LEN + 1];

	if (sha256 && digests_file(digests, fd, st, hex) < 0)
		return error_set(err, errno, "read '%s'", path);
	if (sha256 && check_digest(hex, sha256, path, err) < 0)
		return -1;
	if (pages && ram_digest(fd, hex) < 0)
		return error_set(err, errno, "read '%s'", path);
	return pages ? check_digest(hex, pages, path, err) : 0;
}

static int check_size(
	const json_t *file, const struct stat *st, const char *path, struct error *err)
{
	json_int_t size = json_integer_value(json_object_get(file, "size"));

	if (st->st_size == size)
		return 0;
	return error_set(err, 0,
		"'%s' has %lld bytes, and not the %lld that it was made with", path,
		(long long)st->st_size, (long long)size);
}

static bool has_identity(const json_t *file, const struct stat *st)
{
	const char *identity = json_string_value(json_object_get(file, "identity"));
	CLEANUP_FREE char *now = identity_of(st, json_object_get(file, "pages"));

	return identity && strcmp(now, identity) == 0;
}

int manifest_check_used(const json_t *manifest, const char *name, int fd,
	const char *where, struct error *err)
{
	const json_t *file = json_object_get(json_object_get(manifest, "files"), name);
	CLEANUP(digests_done) struct digests digests = {0};
	CLEANUP_FREE char *path = xasprintf("%s/%s", where, name);
	struct stat st;

	if (!file)
		return error_set(err, 0, "'%s' is not in its manifest", path);
	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "look at '%s'", path);
	if (check_size(file, &st, path, err) < 0)
		return -1;
	if (!json_object_get(file, "pages"))
		return check_content(file, fd, &st, &digests, path, err);
	return has_identity(file, &st)
		? 0
		: error_set(err, 0, "'%s' was changed or copied", path);
}

enum depth { CHECK_SIZES, CHECK_IDENTITIES, CHECK_CONTENTS };

/* Of the size that the manifest has for it. */
static int open_whole(const json_t *file, int dir_fd, const char *name, const char *where,
	struct stat *ret, struct error *err)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", where, name);
	CLEANUP_CLOSE int fd = open_file(dir_fd, name, where, ret, err);

	return fd < 0 || check_size(file, ret, path, err) < 0 ? -1 : TAKE_FD(fd);
}

int manifest_open_file(const json_t *manifest, int dir_fd, const char *name,
	const char *where, struct error *err)
{
	struct stat st;

	return open_whole(json_object_get(json_object_get(manifest, "files"), name),
		dir_fd, name, where, &st, err);
}

static int check_files(const json_t *manifest, int dir_fd, enum depth depth,
	struct digests *digests, const char *where, struct error *err)
{
	const char *name;
	json_t *file;

	json_object_foreach(json_object_get(manifest, "files"), name, file)
	{
		CLEANUP_FREE char *path = xasprintf("%s/%s", where, name);
		struct stat st;
		CLEANUP_CLOSE int fd = open_whole(file, dir_fd, name, where, &st, err);
		if (fd < 0)
			return -1;
		bool read = depth == CHECK_CONTENTS ||
			(depth == CHECK_IDENTITIES && !has_identity(file, &st));
		if (read && check_content(file, fd, &st, digests, path, err) < 0)
			return -1;
	}
	return 0;
}

int manifest_check_sizes(
	const json_t *manifest, int dir_fd, const char *where, struct error *err)
{
	return check_files(manifest, dir_fd, CHECK_SIZES, NULL, where, err);
}

int manifest_check(
	const json_t *manifest, int dir_fd, const char *where, struct error *err)
{
	CLEANUP(digests_done) struct digests digests = {0};

	return check_files(manifest, dir_fd, CHECK_IDENTITIES, &digests, where, err);
}

int manifest_check_digests(const json_t *manifest, int dir_fd, struct digests *digests,
	const char *where, struct error *err)
{
	return check_files(manifest, dir_fd, CHECK_CONTENTS, digests, where, err);
}

int manifest_check_others(
	const json_t *manifest, int dir_fd, const char *where, struct error *err)
{
	const json_t *files = json_object_get(manifest, "files");
	CLEANUP_STRVEC struct strvec names = {0};

	if (directory_list(dir_fd, ".", 0, &names) < 0)
		return error_set(err, errno, "list '%s'", where);
	vector_foreach (name, &names)
		if (is_plain_name(*name) && !json_object_get(files, *name))
			return error_set(
				err, 0, "'%s/%s' does not belong there", where, *name);
	return 0;
}
