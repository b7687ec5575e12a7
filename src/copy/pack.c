/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The walk: directories by descriptors, each entry written as it is met. A tree may be
 * deeper than descriptors and the stack allow: so no recursion, and only the innermost
 * directories are open. One that was closed is found again as the parent of its child.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/directory.h"
#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "base/printable.h"
#include "copy/pack.h"

#define LEVELS_OPEN 128

/* A directory that is being packed. */
struct level {
	/* -1: closed, as too many were open. */
	int fd;
	struct stat st;
	struct strvec names;
	size_t next;
	/* Of the directory's name in the stream. */
	size_t name_len;
};

struct walk {
	struct packer packer;
	VECTOR(struct level) levels;
};

void pack_say(const struct packer *p, int num, const char *what)
{
	CLEANUP_FREE char *below = printable_dup(strbuf_text(&p->name) + p->top_len);
	CLEANUP_FREE char *top = printable_dup(p->path);

	log_warning("'%s%s': %s%s%s", top, below, what, num ? ": " : "",
		num ? strerror(num) : "");
}

void pack_complain(struct packer *p, int num, const char *what)
{
	p->incomplete = true;
	pack_say(p, num, what);
}

static void push_level(struct walk *w, int fd, const struct stat *st)
{
	struct packer *p = &w->packer;
	struct level level = {.fd = fd, .st = *st, .name_len = p->name.len};

	if (directory_list(fd, ".", 0, &level.names) < 0)
		pack_complain(p, errno, "what is in the directory is left out");
	vector_push(&w->levels, level);
	if (w->levels.len > LEVELS_OPEN) {
		struct level *outer = &w->levels.items[w->levels.len - LEVELS_OPEN - 1];
		close(outer->fd);
		outer->fd = -1;
	}
}

/* Open the parent of the innermost level again, if need be. */
static void reopen_parent(struct walk *w)
{
	const struct level *child = &w->levels.items[w->levels.len - 1];
	struct level *parent = &w->levels.items[w->levels.len - 2];
	struct stat st;

	if (parent->fd >= 0)
		return;
	CLEANUP_CLOSE int fd =
		openat(child->fd, "..", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && file_is_same(&st, &parent->st))
		parent->fd = TAKE_FD(fd);
}

static void pop_level(struct walk *w)
{
	if (w->levels.len > 1)
		reopen_parent(w);
	struct level *level = &w->levels.items[--w->levels.len];
	if (level->fd >= 0)
		close(level->fd);
	strvec_done(&level->names);
}

/* Takes fd, which has the file as O_PATH. */
static int pack_file(struct walk *w, int fd, struct error *err)
{
	CLEANUP_CLOSE int owned = fd;
	struct stat st;

	if (fstat(fd, &st) < 0) {
		pack_complain(&w->packer, errno, "it is left out");
		return 0;
	}
	int result = pack_entry(&w->packer, fd, &st, err);
	if (result == 0 && S_ISDIR(st.st_mode))
		push_level(w, TAKE_FD(owned), &st);
	return result;
}

static int pack_next(struct walk *w, struct error *err)
{
	struct level *level = &w->levels.items[w->levels.len - 1];
	struct packer *p = &w->packer;

	if (level->next == level->names.len) {
		pop_level(w);
		return 0;
	}
	const char *name = level->names.items[level->next++];
	p->name.len = level->name_len;
	strbuf_addf(&p->name, "/%s", name);
	if (level->fd < 0) {
		pack_complain(p, 0, "it is left out: its directory was moved meanwhile");
		return 0;
	}
	int fd = openat(level->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		pack_complain(p, errno, "it is left out");
		return 0;
	}
	return pack_file(w, fd, err);
}

static int pack_tree(struct walk *w, int fd, struct error *err)
{
	if (pack_file(w, fd, err) < 0)
		return -1;
	while (w->levels.len)
		if (pack_next(w, err) < 0)
			return -1;
	return 0;
}

/* What the path's last component calls it. */
static char *own_name(const char *path)
{
	size_t end = path_trimmed_len(path, strlen(path)), start = end;

	while (start > 0 && path[start - 1] != '/')
		start--;
	if (end == start || (end - start == 2 && strncmp(path + start, "..", 2) == 0))
		return xstrdup(".");
	return xstrndup(path + start, end - start);
}

enum copy_result copy_pack(const struct copy_pack *request, struct error *err)
{
	CLEANUP_FREE char *name =
		request->name ? xstrdup(request->name) : own_name(request->path);
	CLEANUP_FREE char *shown = printable_dup(request->path);
	struct walk w = {.packer = {.path = request->path}};

	/* With a slash at its end a path leads through a link, as everywhere. */
	int fd = open(request->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "copy '%s'", shown);
	strbuf_adds(&w.packer.name, name);
	w.packer.top_len = strlen(name);
	int result = packer_begin(&w.packer, request->out_fd, err);
	if (result == 0)
		result = pack_tree(&w, TAKE_FD(fd), err);
	else
		close(fd);
	while (w.levels.len)
		pop_level(&w);
	vector_done(&w.levels);
	if (packer_end(&w.packer, result == 0, err) < 0 || result < 0)
		return COPY_FAILED;
	return w.packer.incomplete ? COPY_PARTLY : COPY_WHOLE;
}
