/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gathering from the host: see gather.h. */
#include "build/gather.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/io.h"
#include "base/log.h"
#include "base/path.h"
#include "build/directory-times.h"

#define INDEX_MAX ((size_t)64 * 1024 * 1024)

static void on_unreadable(const char *path, const char *reason, void *data)
{
	struct gather *g = data;
	strvec_addf(&g->unreadable, "%s: %s", path, reason);
}

void gather_init(struct gather *g, const char *root, struct stamp *stamp,
	const struct tree_options *options)
{
	struct tree_options all = *options;

	/* An ordinary user can't read /etc/sudoers, and can do without. */
	all.skip_unreadable = true;
	all.on_skip = on_unreadable;
	all.on_skip_data = g;
	*g = (struct gather){.root = root, .stamp = stamp, .tree = tree_new(&all)};
}

void gather_done(struct gather *g)
{
	tree_free(g->tree);
	kernel_done(&g->kernel);
	package_set_done(&g->set);
	packages_close(g->packages);
	strvec_done(&g->unreadable);
	*g = (struct gather){0};
}

/* ---- Packages ---- */

int gather_packages(struct gather *g, const char *const *wanted,
	const struct strvec *needed, struct error *err)
{
	CLEANUP_STRVEC struct strvec watch = {0};
	CLEANUP_STRVEC struct strvec names = {0};

	if (packages_open(g->root, &g->packages, err) < 0)
		return -1;
	packages_watch_paths(g->packages, &watch);
	vector_foreach (path, &watch)
		stamp_add(g->stamp, *path);
	if (!wanted)
		wanted = packages_defaults(g->packages);
	for (; *wanted; wanted++)
		if (packages_find(g->packages, *wanted))
			strvec_add(&names, *wanted);
		else
			log_info(
				"package %s is not installed, and so not in the appliance",
				*wanted);
	for (size_t i = 0; needed && i < needed->len; i++)
		strvec_add(&names, needed->items[i]);
	if (packages_resolve(g->packages, (const char *const *)names.items, names.len,
		    &g->set, err) < 0)
		return -1;
	log_info("packages: %zu of %zu that %s has", g->set.len,
		packages_count(g->packages), packages_manager(g->packages));
	return 0;
}

void gather_by_content(struct gather *g, const char *path)
{
	struct tree_inode *inode = tree_lookup(g->tree, path);

	if (!inode || !S_ISREG(inode->mode))
		return;
	inode->by_content = true;
	inode->mtime = (struct tree_time){0};
}

int gather_link_target(struct gather *g, const char *path, struct error *err)
{
	CLEANUP_FREE char *host = path_below(g->root, path);
	CLEANUP_FREE char *inside = xasprintf("%s/.", path);
	struct stat st;

	if (stat(host, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	return tree_add_path(g->tree, g->root, inside, err) < 0 ? -1 : 0;
}

static enum tree_result add_file(struct gather *g, const struct gather_policy *policy,
	const struct package_file *file, struct error *err)
{
	const char *source = file->source ? file->source : file->path;
	CLEANUP_FREE char *host = path_below(g->root, source);
	enum tree_result result;
	mode_t mode = 0;

	if (file->target)
		result = tree_add_file(g->tree, file->path,
			&(struct tree_file){.mode = S_IFLNK | 0777,
				.data = file->target,
				.len = strlen(file->target)},
			err);
	else
		result = tree_add_path_as(g->tree, g->root, source, file->path, err);
	if (file->is_config) {
		stamp_add(g->stamp, host);
		gather_by_content(g, file->path);
	} else if (result != TREE_FAILED &&
		(policy->watch_var || strncmp(source, "/var/", 5) != 0)) {
		mode = stamp_add_itself(g->stamp, host);
	}
	if (result == TREE_DONE && policy->take_link_targets && S_ISLNK(mode) &&
		!file->target)
		return gather_link_target(g, source, err);
	return result;
}

int gather_package_files(
	struct gather *g, const struct gather_policy *policy, struct error *err)
{
	CLEANUP(package_files_done) struct package_files files = {0};
	size_t added = 0;

	if (g->packages && packages_files(g->packages, &g->set, &files, err) < 0)
		return -1;
	vector_foreach (file, &files) {
		if ((file->is_config && !policy->take_config) ||
			(policy->excludes && policy->excludes(file->path, policy->data)))
			continue;
		enum tree_result result = add_file(g, policy, file, err);
		if (result == TREE_FAILED)
			return -1;
		added += result == TREE_DONE;
	}
	log_info("packages: %zu of their %zu files are in the appliance", added,
		files.len);
	return 0;
}

/* ---- The kernel ---- */

/* A kernel that was passed over is taken once depmod has mended its index. */
static void watch_other_kernels(struct gather *g)
{
	CLEANUP_FREE char *dir = path_below(g->root, "/lib/modules");
	CLEANUP_STRVEC struct strvec names = {0};

	if (directory_list(AT_FDCWD, dir, 0, &names) < 0)
		return;
	vector_foreach (name, &names) {
		CLEANUP_FREE char *path = xasprintf("%s/%s", dir, *name);
		stamp_add(g->stamp, path);
	}
}

void gather_watch_kernel(struct gather *g, bool chosen)
{
	/* make writes the second one when the set of modules changes. */
	const char *tree = g->kernel.build_tree;
	CLEANUP_FREE char *dependencies = tree
		? xasprintf("%s/modules.order", tree)
		: xasprintf("%s/modules.dep", g->kernel.modules_dir);

	if (chosen) {
		stamp_add_below(g->stamp, g->root, "/boot");
		stamp_add_below(g->stamp, g->root, "/lib/modules");
		watch_other_kernels(g);
	}
	stamp_add(g->stamp, g->kernel.image);
	stamp_add(g->stamp, dependencies);
}

/* One that is built again may be installed over the old one, without depmod. */
static int watch_modules(struct gather *g, struct error *err)
{
	char *paths[] = {g->kernel.modules_dir, NULL};
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);

	if (!walk)
		return error_set(err, errno, "list '%s'", g->kernel.modules_dir);
	for (FTSENT *file; (file = fts_read(walk));) {
		/* depmod's index may be in another place. The links `build` and `source` lead to
		 * directories that change with each build of the kernel. */
		bool is_index = file->fts_level == 1 &&
			strncmp(file->fts_name, "modules.", strlen("modules.")) == 0;
		if (file->fts_info == FTS_SL && is_index)
			stamp_add(g->stamp, file->fts_path);
		else if (file->fts_info == FTS_F || file->fts_info == FTS_SL)
			stamp_add_itself(g->stamp, file->fts_path);
	}
	fts_close(walk);
	return 0;
}

/* The directory that the kernel's build tree has given has links to the modules, and the
 * index that was made for them. */
static int gather_linked(struct gather *g, const char *at, struct error *err)
{
	const char *dir = g->kernel.modules_dir, *tree = g->kernel.build_tree;
	char *paths[] = {(char *)dir, NULL};
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	int result = 0;

	if (!walk)
		return error_set(err, errno, "list '%s'", dir);
	for (FTSENT *f; result == 0 && (f = fts_read(walk));) {
		CLEANUP_FREE char *name =
			xasprintf("%s%s", at, f->fts_path + strlen(dir));
		CLEANUP_FREE char *bytes = NULL;
		size_t len;
		if (f->fts_info == FTS_SL) {
			/* It has the path that the module has in the tree. */
			const char *path = f->fts_path + strlen(dir) + strlen("/kernel");
			CLEANUP_FREE char *full = path_below(tree, path);
			stamp_add_itself(g->stamp, full);
			if (tree_add_single(g->tree, tree, path, name, err) < 0)
				result = -1;
		} else if (f->fts_info == FTS_F) {
			result = io_read_file(
				AT_FDCWD, f->fts_path, INDEX_MAX, &bytes, &len, err);
			if (result == 0)
				result = tree_add_file(g->tree, name,
					&(struct tree_file){.mode = S_IFREG | 0644,
						.data = bytes,
						.len = len},
					err);
		}
	}
	fts_close(walk);
	return result;
}

int gather_modules(struct gather *g, struct error *err)
{
	CLEANUP_FREE char *at = xasprintf("/lib/modules/%s", g->kernel.version);

	/* The host's own directory for its owner and permissions, if it has one. */
	if (tree_add_path(g->tree, g->root, "/lib/modules", err) < 0)
		return -1;
	/* Without modules everything that is needed is built in. */
	if (access(g->kernel.modules_dir, F_OK) < 0)
		return tree_add_file(
			g->tree, at, &(struct tree_file){.mode = S_IFDIR | 0755}, err);
	if (g->kernel.build_tree)
		return gather_linked(g, at, err);
	if (watch_modules(g, err) < 0)
		return -1;
	return tree_add_directory(g->tree, g->kernel.modules_dir, at, err);
}

/* ---- The end ---- */

void gather_finish(struct gather *g)
{
	tree_finish(g->tree);
	directory_times_set(g->tree);
}

void gather_warn_unreadable(const struct gather *g)
{
	const struct strvec *files = &g->unreadable;

	vector_foreach (file, files)
		log_info("left out: %s", *file);
	if (files->len)
		log_warning(
			"left out of the appliance: %zu file%s that this user can't read: "
			"%s%s",
			files->len, files->len > 1 ? "s" : "", files->items[0],
			files->len > 1 ? ", and others (-v names them)" : "");
}
