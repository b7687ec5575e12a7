/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A kernel's build tree has its modules where they were compiled, and no index of them:
 *
 *	arch/x86/boot/bzImage
 *	fs/ext4/ext4.ko                ──►  lib/modules/VERSION/kernel/fs/ext4/ext4.ko, a link
 *	modules.order, modules.builtin ──►  the same, with paths as an installation has them
 *	                                    modules.dep.bin, …: depmod's
 *
 * Nothing is written to the tree: it may be somebody else's. The directory of links is made
 * once a process, since one look for a kernel may take it several times.
 */
#include "kernel/build-tree.h"
#include "base/program.h"
#include "base/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/remove.h"
#include "base/strbuf.h"
#include "kernel/kernel.h"

#define LIST_MAX ((size_t)64 * 1024 * 1024)

static const struct {
	const char *architecture, *image;
} images[] = {
	{"x86_64", "/arch/x86/boot/bzImage"},
	{"aarch64", "/arch/arm64/boot/Image"},
};

static bool exists_below(const char *tree, const char *name)
{
	CLEANUP_FREE char *path = xasprintf("%s%s", tree, name);

	return access(path, F_OK) == 0;
}

int build_tree_find(const char *named, const struct architecture *architecture,
	char **ret_tree, char **ret_image, struct error *err)
{
	size_t len = strlen(named);
	struct stat st;

	if (stat(named, &st) < 0)
		return error_set(err, errno, "kernel '%s'", named);
	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		const char *image = images[i].image;
		CLEANUP_FREE char *tree = xstrdup(named);
		if (architecture &&
			strcmp(architecture->name, images[i].architecture) != 0)
			continue;
		if (!S_ISDIR(st.st_mode)) {
			if (len <= strlen(image) ||
				strcmp(named + len - strlen(image), image) != 0)
				continue;
			tree[len - strlen(image)] = '\0';
		}
		if (!exists_below(tree, image) ||
			!exists_below(tree, "/include/config/kernel.release"))
			continue;
		*ret_image = xasprintf("%s%s", tree, image);
		*ret_tree = TAKE_PTR(tree);
		return 1;
	}
	if (!S_ISDIR(st.st_mode))
		return 0;
	return error_set(err, 0,
		"kernel '%s': it is a directory, but not one that a kernel was built in: it "
		"has no %s; run make there, or name the kernel's file",
		named,
		images[architecture && strcmp(architecture->name, "aarch64") == 0].image +
			1);
}

/* ---- The directory of links ---- */

char *kernel_build_tree(const char *named, const struct architecture *architecture)
{
	CLEANUP_FREE char *image = NULL;
	struct error ignored;
	char *tree = NULL;

	return build_tree_find(named, architecture, &tree, &image, &ignored) == 1 ? tree
										  : NULL;
}

static struct {
	pid_t owner;
	char *tree;
	/* Of its own, and lib/modules/VERSION in it. */
	char *top, *modules;
} made;

static void remove_made(void)
{
	if (made.top && getpid() == made.owner)
		remove_all(AT_FDCWD, made.top);
}

static int make_parents(const char *path, size_t from, struct error *err)
{
	CLEANUP_FREE char *copy = xstrdup(path);

	for (char *slash = copy + from; (slash = strchr(slash + 1, '/')); *slash = '/') {
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return error_set(err, errno, "create '%s'", copy);
	}
	return 0;
}

static bool is_module(const char *name)
{
	static const char *const ends[] = {".ko", ".ko.gz", ".ko.xz", ".ko.zst"};
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (len > strlen(ends[i]) &&
			strcmp(name + len - strlen(ends[i]), ends[i]) == 0)
			return true;
	return false;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int link_modules(const char *tree, const char *modules, struct error *err)
{
	char *paths[] = {(char *)tree, NULL};
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, by_name);
	size_t count = 0;
	int result = 0;

	if (!walk)
		return error_set(err, errno, "list '%s'", tree);
	for (FTSENT *f; result == 0 && (f = fts_read(walk));) {
		/* .git, and what an earlier build left. */
		if (f->fts_info == FTS_D && f->fts_level > 0 && f->fts_name[0] == '.')
			fts_set(walk, f, FTS_SKIP);
		if (f->fts_info == FTS_D || f->fts_info == FTS_DP ||
			!is_module(f->fts_name))
			continue;
		CLEANUP_FREE char *link =
			xasprintf("%s/kernel%s", modules, f->fts_path + strlen(tree));
		result = make_parents(link, strlen(modules), err);
		if (result == 0 && symlink(f->fts_path, link) < 0)
			result = error_set(err, errno, "create '%s'", link);
		count++;
	}
	fts_close(walk);
	log_info("kernel: %zu modules in the build tree %s", count, tree);
	return result;
}

/* One line is a module: "fs/ext4/ext4.o" of newer kernels or "kernel/fs/ext4/ext4.ko". */
static void add_installed_path(struct strbuf *sb, const char *line, size_t len)
{
	bool is_object = len > 2 && memcmp(line + len - 2, ".o", 2) == 0;

	if (strncmp(line, "kernel/", strlen("kernel/")) != 0)
		strbuf_adds(sb, "kernel/");
	strbuf_add(sb, line, is_object ? len - 1 : len);
	strbuf_adds(sb, is_object ? "ko\n" : "\n");
}

/* A tree that was built without it has none. */
static int copy_list(const char *tree, const char *name, bool as_it_is,
	const char *modules, struct error *err)
{
	CLEANUP_FREE char *from = xasprintf("%s/%s", tree, name);
	CLEANUP_FREE char *to = xasprintf("%s/%s", modules, name);
	CLEANUP_STRBUF struct strbuf list = {0};
	CLEANUP_FREE char *text = NULL;
	size_t len;

	if (access(from, F_OK) < 0)
		return 0;
	if (io_read_file(AT_FDCWD, from, LIST_MAX, &text, &len, err) < 0)
		return -1;
	if (as_it_is)
		strbuf_add(&list, text, len);
	for (const char *line = text; !as_it_is && *line; line += strspn(line, "\n")) {
		size_t line_len = strcspn(line, "\n");
		add_installed_path(&list, line, line_len);
		line += line_len;
	}
	CLEANUP_CLOSE int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || io_write_full(fd, strbuf_text(&list), list.len) < 0)
		return error_set(err, errno, "write '%s'", to);
	return 0;
}

static void log_depmod(char *line, void *data)
{
	(void)data;
	log_debug("depmod: %s", line);
}

static int run_depmod(const char *top, const char *version, struct error *err)
{
	CLEANUP_FREE char *depmod =
		program_find("depmod", "/usr/sbin:/usr/bin:/sbin:/bin");
	const char *const places[] = {"/usr/sbin/depmod", "/sbin/depmod"};
	const struct child_listener listener = {.on_line = log_depmod, .stop_fd = -1};
	struct ended ended;

	/* The PATH of an ordinary user may lack it. */
	for (size_t i = 0; i < ARRAY_SIZE(places) && !depmod; i++)
		if (access(places[i], X_OK) == 0)
			depmod = xstrdup(places[i]);
	if (!depmod)
		return error_set(err, ENOENT,
			"find depmod, which makes the index of the modules; install it (Debian, "
			"Fedora, Arch: kmod)");
	char *argv[] = {depmod, (char *)"-b", (char *)top, (char *)version, NULL};
	struct child child = {.argv = argv};
	if (child_run(&child, &listener, &ended, err) < 0)
		return error_prefix(err, "depmod");
	CLEANUP_FREE char *failed = child_describe(ended);
	return failed ? error_set(err, 0, "depmod %s (-vv shows what it says)", failed)
		      : 0;
}

char *build_tree_modules(const char *tree, const char *version, struct error *err)
{
	const char *base = trust_temporary("/tmp", err);

	if (!base)
		return NULL;
	if (made.modules && strcmp(made.tree, tree) == 0)
		return xstrdup(made.modules);
	remove_made();
	if (!made.owner)
		atexit(remove_made);
	free(made.top);
	free(made.tree);
	free(made.modules);
	made.owner = getpid();
	made.modules = made.tree = NULL;
	made.top = xasprintf("%s/hypermin-modules-XXXXXX", base);
	if (!mkdtemp(made.top))
		return error_null(err, errno, "create a directory '%s'", made.top);
	CLEANUP_FREE char *modules = xasprintf("%s/lib/modules/%s", made.top, version);
	CLEANUP_FREE char *inside = xasprintf("%s/kernel/x", modules);
	if (make_parents(inside, strlen(made.top), err) < 0 ||
		link_modules(tree, modules, err) < 0 ||
		copy_list(tree, "modules.order", false, modules, err) < 0 ||
		copy_list(tree, "modules.builtin", false, modules, err) < 0 ||
		copy_list(tree, "modules.builtin.modinfo", true, modules, err) < 0 ||
		run_depmod(made.top, version, err) < 0) {
		error_prefix(err, "the kernel's build tree '%s'", tree);
		return NULL;
	}
	made.tree = xstrdup(tree);
	made.modules = TAKE_PTR(modules);
	return xstrdup(made.modules);
}
