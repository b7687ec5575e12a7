/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Gathering what goes into the root file system, from the host's root:
 *
 *	the packages' files, as they are on the host, configuration included
 *	/etc/passwd and /etc/group, so that names and owners mean what they mean on the host
 *	/etc/ld.so.cache, as far as it is about libraries that are here
 *	the kernel's modules, so that the guest can load what the user's disks need
 *	mount points, where no package brings them
 */
#include "build/contents.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/path.h"
#include "build/directory-times.h"
#include "build/linker-cache.h"
#include "build/package-file.h"
#include "cache/stamp.h"

#define LINKER_CACHE_MAX (16 * 1024 * 1024)

/* ---- Packages ---- */

static int gather_packages(const struct appliance_request *request, struct contents *c,
	struct stamp *stamp, struct error *err)
{
	struct strvec watch = {0}, names = {0};

	if (packages_open(request->root, &c->packages, err) < 0)
		return -1;
	packages_watch_paths(c->packages, &watch);
	vector_foreach (path, &watch)
		stamp_add(stamp, *path);
	for (const char *const *name = packages_defaults(c->packages); *name; name++)
		if (packages_find(c->packages, *name))
			strvec_add(&names, *name);
		else
			log_info(
				"package %s is not installed, and so not in the appliance",
				*name);
	vector_foreach (name, &request->packages)
		strvec_add(&names, *name);
	int result = packages_resolve(
		c->packages, (const char *const *)names.items, names.len, &c->set, err);
	strvec_done(&watch);
	strvec_done(&names);
	if (result == 0)
		log_info("packages: %zu of %zu that %s has", c->set.len,
			packages_count(c->packages), packages_manager(c->packages));
	return result;
}

/*
 * Configuration counts by what it says, and has no time in the appliance: a file that was
 * only touched, or edited and edited back, is what it was before.
 */
static void count_by_content(struct contents *c, const char *path)
{
	struct tree_inode *inode = tree_lookup(c->tree, path);

	if (!inode || !S_ISREG(inode->mode))
		return;
	inode->by_content = true;
	inode->mtime = (struct tree_time){0};
}

static int add_package_files(const struct appliance_request *request, struct contents *c,
	struct stamp *stamp, struct error *err)
{
	struct package_files files = {0};
	int result = packages_files(c->packages, &c->set, &files, err);

	/* Packages' other files change only together with the database. */
	vector_foreach (file, &files)
		if (file->is_config)
			stamp_add_below(stamp, request->root, file->path);
	for (size_t i = 0; i < files.len && result == 0; i++) {
		const struct package_file *file = &files.items[i];
		if (package_file_add(c->tree, request->root, file, err) < 0)
			result = -1;
		else if (file->is_config)
			count_by_content(c, file->path);
	}
	package_files_done(&files);
	return result;
}

/* ---- What no package brings ---- */

static int add_host_file(const struct appliance_request *request, struct contents *c,
	struct stamp *stamp, const char *path, struct error *err)
{
	stamp_add_below(stamp, request->root, path);
	if (tree_add_path(c->tree, request->root, path, err) < 0)
		return -1;
	count_by_content(c, path);
	return 0;
}

static int add_if_missing(struct contents *c, const char *path, uint32_t mode,
	const char *text, struct error *err)
{
	if (tree_lookup(c->tree, path))
		return 0;
	return tree_add_file(c->tree, path,
		&(struct tree_file){.mode = mode, .data = text, .len = strlen(text)},
		err);
}

static int add_base_files(const struct appliance_request *request, struct contents *c,
	struct stamp *stamp, struct error *err)
{
	static const struct {
		const char *path;
		uint32_t mode;
	} directories[] = {
		{"/dev", 0755},
		{"/etc", 0755},
		{"/home", 0755},
		{"/mnt", 0755},
		{"/proc", 0555},
		{"/root", 0700},
		{"/run", 0755},
		{"/sys", 0555},
		{"/tmp", 01777},
		{"/var", 0755},
		{"/var/tmp", 01777},
	};

	if (add_host_file(request, c, stamp, "/etc/passwd", err) < 0 ||
		add_host_file(request, c, stamp, "/etc/group", err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (add_if_missing(c, directories[i].path, S_IFDIR | directories[i].mode,
			    "", err) < 0)
			return -1;
	if (add_if_missing(c, "/etc/passwd", S_IFREG | 0644,
		    "root:x:0:0:root:/root:/bin/sh\n", err) < 0)
		return -1;
	return add_if_missing(c, "/etc/group", S_IFREG | 0644, "root:x:0:\n", err);
}

static bool is_in_tree(const char *path, void *data)
{
	return tree_lookup(data, path);
}

static int add_linker_cache(const struct appliance_request *request, struct contents *c,
	struct stamp *stamp, struct error *err)
{
	static const char path[] = "/etc/ld.so.cache";
	CLEANUP_FREE char *host = path_below(request->root, path);
	CLEANUP_FREE char *bytes = NULL;
	CLEANUP_STRBUF struct strbuf list = {0};
	size_t len;

	stamp_add(stamp, host);
	if (io_read_file(AT_FDCWD, host, LINKER_CACHE_MAX, &bytes, &len, NULL) < 0)
		return 0; /* then the linker searches its directories */
	if (linker_cache_reduce(bytes, len, is_in_tree, c->tree, &list) != 0) {
		log_info("'%s' has a form that is not known, and is not in the appliance",
			host);
		return 0;
	}
	return tree_add_file(c->tree, path,
		&(struct tree_file){
			.mode = S_IFREG | 0644, .data = list.data, .len = list.len},
		err);
}

/* ---- The kernel ---- */

static int find_kernel(const struct appliance_request *request, const char *route_text,
	struct kernel *ret, struct boot_route *ret_route, struct strvec *ret_rejected,
	struct error *err)
{
	struct boot_route route;

	boot_route_parse(route_text, &route);
	const struct kernel_request kernel_request = {
		.root = request->root,
		.image = request->kernel,
		.architecture = request->architecture,
		.modules_dir = request->modules_dir,
		.needs = (const char *const *)strvec_argv(&route.modules),
	};
	int result = kernel_find(&kernel_request, ret, ret_rejected, err);
	if (result == 0)
		*ret_route = route;
	else
		boot_route_done(&route);
	return result;
}

/* A kernel for the best route is preferred to a newer one without. */
int contents_find_kernel(const struct appliance_request *request, struct kernel *ret,
	struct boot_route *ret_route, struct strvec *ret_rejected, struct error *err)
{
	struct error later;

	if (!request->routes.len)
		return find_kernel(
			request, BOOT_ROUTE_DEFAULT, ret, ret_route, ret_rejected, err);
	for (size_t i = 0; i < request->routes.len; i++)
		if (find_kernel(request, request->routes.items[i], ret, ret_route,
			    ret_rejected, i == 0 ? err : &later) == 0)
			return 0;
	return -1;
}

static int gather_kernel(const struct appliance_request *request, struct contents *c,
	struct stamp *stamp, struct error *err)
{
	if (!request->kernel) {
		stamp_add_below(stamp, request->root, "/boot");
		stamp_add_below(stamp, request->root, "/lib/modules");
	}
	if (contents_find_kernel(request, &c->kernel, &c->route, NULL, err) < 0)
		return -1;
	log_info("route: %s", c->route.name);
	CLEANUP_FREE char *dependencies =
		xasprintf("%s/modules.dep", c->kernel.modules_dir);
	stamp_add(stamp, c->kernel.image);
	stamp_add(stamp, dependencies);
	return 0;
}

static int add_kernel_modules(struct contents *c, struct error *err)
{
	CLEANUP_FREE char *at = xasprintf("/lib/modules/%s", c->kernel.version);

	if (access(c->kernel.modules_dir, F_OK) < 0)
		return 0; /* everything needed is built in */
	return tree_add_directory(c->tree, c->kernel.modules_dir, at, err);
}

/* ---- All of it ---- */

static void on_unreadable(const char *path, const char *reason, void *data)
{
	struct contents *c = data;
	strvec_addf(&c->unreadable, "%s: %s", path, reason);
}

int contents_gather(const struct appliance_request *request, struct contents *c,
	struct stamp *stamp, struct error *err)
{
	const struct tree_options options = {
		/* An ordinary user can't read /etc/sudoers, and can do without. */
		.skip_unreadable = true,
		.on_skip = on_unreadable,
		.on_skip_data = c,
	};

	*c = (struct contents){.tree = tree_new(&options)};
	if (gather_packages(request, c, stamp, err) < 0 ||
		gather_kernel(request, c, stamp, err) < 0 ||
		add_package_files(request, c, stamp, err) < 0 ||
		add_base_files(request, c, stamp, err) < 0 ||
		add_linker_cache(request, c, stamp, err) < 0 ||
		add_kernel_modules(c, err) < 0)
		return -1;
	tree_finish(c->tree);
	directory_times_set(c->tree);
	return 0;
}

void contents_done(struct contents *c)
{
	tree_free(c->tree);
	kernel_done(&c->kernel);
	boot_route_done(&c->route);
	package_set_done(&c->set);
	packages_close(c->packages);
	strvec_done(&c->unreadable);
	*c = (struct contents){0};
}
