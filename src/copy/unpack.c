/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which entry goes where. A name with "..", an absolute one or one beside the top entry is
 * none that an honest guest sends: then the copy ends. Names are bytes: see src/tree/archive.c.
 */
#include "copy/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/printable.h"

/* libarchive takes names of a megabyte. */
#define NAME_SIZE_MAX  65535
#define COMPLAINTS_MAX 100

void unpack_complain(struct unpack *u, const char *name, const char *what)
{
	char shown[400], line[1500];

	u->incomplete = true;
	if (u->complaints++ >= COMPLAINTS_MAX)
		return;
	printable_copy(shown, sizeof(shown), name, strlen(name));
	printable_copy(line, sizeof(line), what, strlen(what));
	log_warning("'%s': %s", shown, line);
	if (u->complaints == COMPLAINTS_MAX)
		log_warning("no more messages of this kind are shown");
}

int unpack_charge(struct unpack *u, uint64_t bytes, struct error *err)
{
	if (bytes > u->left)
		return error_set(err, 0,
			"the stream has more than the %llu bytes that are allowed",
			(unsigned long long)u->request->max_size);
	u->left -= bytes;
	return 0;
}

/* ---- The destination ---- */

static int open_parent(struct unpack *u, const char *dest, struct error *err)
{
	size_t len = path_trimmed_len(dest, strlen(dest)), start = len;

	while (start > 0 && dest[start - 1] != '/')
		start--;
	CLEANUP_FREE char *name = xstrndup(dest + start, len - start);
	CLEANUP_FREE char *parent = start ? xstrndup(dest, start) : xstrdup(".");
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_set(err, ENOENT, "'%s'", dest);
	int fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "open the directory '%s'", parent);
	u->only_directory = dest[len] == '/';
	u->as = TAKE_PTR(name);
	return fd;
}

/* The directory that names are in. */
static int open_base(struct unpack *u, struct error *err)
{
	const struct copy_unpack *r = u->request;
	struct stat st;

	int fd = open(r->dest, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		u->as = r->name ? xstrdup(r->name) : NULL;
		return fd;
	}
	if (errno != ENOENT && errno != ENOTDIR)
		return error_set(err, errno, "open '%s'", r->dest);
	if (stat(r->dest, &st) < 0)
		return open_parent(u, r->dest, err);
	if (!S_ISREG(st.st_mode))
		return error_set(
			err, 0, "'%s' is neither a file nor a directory", r->dest);
	/* A link to a file stays one, as with cp. */
	CLEANUP_FREE char *real = realpath(r->dest, NULL);
	if (!real)
		return error_set(err, errno, "find '%s'", r->dest);
	return open_parent(u, real, err);
}

/* ---- Names ---- */

/* Without ".", ".." and double slashes. */
static enum unpack_result clean_name(
	const char *name, struct strbuf *ret, struct error *err)
{
	strbuf_clear(ret);
	if (*name == '/')
		return error_set(err, 0, "its name is absolute");
	for (size_t len; *name; name += len) {
		name += strspn(name, "/");
		len = strcspn(name, "/");
		if (len == 2 && memcmp(name, "..", 2) == 0)
			return error_set(err, 0, "its name leads upward with '..'");
		if (len == 0 || (len == 1 && *name == '.'))
			continue;
		if (ret->len)
			strbuf_addc(ret, '/');
		strbuf_add(ret, name, len);
	}
	if (ret->len > NAME_SIZE_MAX) {
		error_set(err, ENAMETOOLONG, "make it");
		return UNPACK_REFUSED;
	}
	return UNPACK_DONE;
}

/* From a name in the stream to one in the place. */
static enum unpack_result map_name(
	struct unpack *u, const char *name, struct strbuf *ret, struct error *err)
{
	CLEANUP_STRBUF struct strbuf clean = {0};
	enum unpack_result result = clean_name(name, &clean, err);

	if (result != UNPACK_DONE)
		return result;
	const char *path = strbuf_text(&clean);
	size_t top_len = strcspn(path, "/");
	if (!u->top)
		u->top = xstrndup(path, top_len);
	strbuf_clear(ret);
	if (!u->as) {
		strbuf_adds(ret, path);
		return UNPACK_DONE;
	}
	if (*u->top) {
		if (strlen(u->top) != top_len || memcmp(path, u->top, top_len) != 0)
			return error_set(err, 0,
				"it is beside '%.300s', of which alone there was to be a copy",
				u->top);
		path += top_len + (path[top_len] == '/');
	}
	strbuf_addf(ret, "%s%s%s", u->as, *path ? "/" : "", path);
	return UNPACK_DONE;
}

/* ---- Entries ---- */

static enum unpack_result take_hardlink(
	struct unpack *u, const char *raw, struct error *err)
{
	CLEANUP_STRBUF struct strbuf target = {0};
	enum unpack_result result = map_name(u, raw, &target, err);

	if (result == UNPACK_DONE && target.len == 0)
		return error_set(err, 0, "it is a hard link to a directory");
	if (result == UNPACK_DONE)
		result = make_hardlink(u, target.data, err);
	if (result != UNPACK_DONE)
		error_prefix(err, "a hard link to '%.300s'", raw);
	return result;
}

static enum unpack_result take(
	struct unpack *u, struct archive_entry *e, struct error *err)
{
	const char *raw = archive_entry_pathname(e), *target = archive_entry_hardlink(e);
	bool is_dir = archive_entry_filetype(e) == AE_IFDIR;

	if (place_count(&u->place, err) < 0)
		return UNPACK_FAILED;
	if (!raw || !*raw) {
		error_set(err, 0, "an entry has no name");
		return UNPACK_REFUSED;
	}
	enum unpack_result result = map_name(u, raw, &u->path, err);
	if (result != UNPACK_DONE)
		return result;
	if (u->path.len == 0) {
		/* The destination itself was there before, and stays as it is. */
		if (is_dir)
			return UNPACK_DONE;
		return error_set(
			err, 0, "it would replace the directory that all goes to");
	}
	if (!is_dir && u->only_directory && !strchr(u->path.data, '/'))
		return error_set(err, 0, "it is no directory, but '%s' would be one",
			u->request->dest);
	return target && !is_dir ? take_hardlink(u, target, err) : make_entry(u, e, err);
}

static int take_all(struct unpack *u, struct error *err)
{
	struct archive_entry *e;
	const char *warning;
	int more;

	while ((more = stream_next(&u->stream, &e, &warning, err)) > 0) {
		const char *name = archive_entry_pathname(e);
		name = name ? name : "";
		enum unpack_result result = warning ? UNPACK_REFUSED : take(u, e, err);
		if (warning)
			error_set(err, 0,
				"it is left out, as not all of it is understood: %.500s",
				warning);
		if (result == UNPACK_FAILED)
			return error_prefix(err, "'%.300s'", name);
		if (result == UNPACK_REFUSED)
			unpack_complain(u, name, err->msg);
		if (stream_skip(&u->stream, err) < 0)
			return -1;
	}
	if (more == 0 && !u->top)
		return error_set(err, 0, "the stream has nothing in it");
	return more;
}

static void complain_directory(void *data, const char *path, const char *what)
{
	unpack_complain(data, path, what);
}

static int unpack_stream(struct unpack *u, struct error *err)
{
	int result = stream_open(&u->stream, u->request->in_fd, u->request->stop, err);

	if (result == 0)
		result = take_all(u, err);
	stream_done(&u->stream);
	/* After a failure too: what is there is to be as it should. */
	place_finish(&u->place, complain_directory, u);
	return result;
}

enum copy_result copy_unpack(const struct copy_unpack *request, struct error *err)
{
	struct unpack u = {
		.request = request,
		.left = request->max_size ? request->max_size : UINT64_MAX,
	};
	int base = open_base(&u, err), result = -1;

	if (base >= 0) {
		locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
		locale_t before = uselocale(c);
		place_init(&u.place, base, request->max_entries);
		result = unpack_stream(&u, err);
		place_done(&u.place);
		uselocale(before);
		freelocale(c);
	}
	if (result < 0) {
		char line[ERROR_MSG_SIZE];
		printable_copy(line, sizeof(line), err->msg, strlen(err->msg));
		error_set(err, 0, "%s%s", line,
			u.made_something ? "; what was copied before it stays" : "");
	}
	strmap_done(&u.files);
	strbuf_done(&u.path);
	free(u.as);
	free(u.top);
	if (result < 0)
		return COPY_FAILED;
	return u.incomplete ? COPY_PARTLY : COPY_WHOLE;
}
