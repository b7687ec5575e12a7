/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Gathering what goes into the root file system, from the host's root:
 *
 *	the packages' files, as they are on the host, configuration included
 *	/etc/passwd and /etc/group, so that names and owners mean what they mean on the host
 *	/etc/ld.so.cache, reduced to the libraries that are here
 *	the kernel's modules, so that the guest can load what the user's disks need
 *	mount points, where no package brings them
 */
#include "build/contents.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/log.h"
#include "base/path.h"
#include "build/linker-cache.h"
#include "image/image.h"

#define LINKER_CACHE_MAX (16 * 1024 * 1024)

/* ---- What no package brings ---- */

static int add_host_file(struct gather *g, const char *path, struct error *err)
{
	stamp_add_below(g->stamp, g->root, path);
	if (tree_add_path(g->tree, g->root, path, err) < 0)
		return -1;
	gather_by_content(g, path);
	return 0;
}

static int add_base_files(struct gather *g, struct error *err)
{
	static const struct {
		const char *path;
		uint32_t mode;
		const char *text;
	} files[] = {
		{"/dev", S_IFDIR | 0755, ""},
		{"/etc", S_IFDIR | 0755, ""},
		{"/home", S_IFDIR | 0755, ""},
		{"/mnt", S_IFDIR | 0755, ""},
		{"/proc", S_IFDIR | 0555, ""},
		{"/root", S_IFDIR | 0700, ""},
		{"/run", S_IFDIR | 0755, ""},
		{"/sys", S_IFDIR | 0555, ""},
		{"/tmp", S_IFDIR | 01777, ""},
		{"/var", S_IFDIR | 0755, ""},
		{"/var/tmp", S_IFDIR | 01777, ""},
		{"/etc/passwd", S_IFREG | 0644, "root:x:0:0:root:/root:/bin/sh\n"},
		{"/etc/group", S_IFREG | 0644, "root:x:0:\n"},
	};
	if (add_host_file(g, "/etc/passwd", err) < 0 ||
		add_host_file(g, "/etc/group", err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (!tree_lookup(g->tree, files[i].path) &&
			tree_add_file(g->tree, files[i].path,
				&(struct tree_file){.mode = files[i].mode,
					.data = files[i].text,
					.len = strlen(files[i].text)},
				err) < 0)
			return -1;
	return 0;
}

static bool is_in_tree(const char *path, void *data)
{
	return tree_lookup(data, path);
}

static int add_linker_cache(struct gather *g, struct error *err)
{
	static const char path[] = "/etc/ld.so.cache";
	CLEANUP_FREE char *host = path_below(g->root, path);
	CLEANUP_FREE char *bytes = NULL;
	CLEANUP_STRBUF struct strbuf list = {0};
	size_t len;

	stamp_add(g->stamp, host);
	if (io_read_file(AT_FDCWD, host, LINKER_CACHE_MAX, &bytes, &len, NULL) < 0)
		return 0; /* then the linker searches its directories */
	if (linker_cache_reduce(bytes, len, is_in_tree, g->tree, &list) != 0) {
		log_info("'%s' has an unknown format: it is left out of the appliance",
			host);
		return 0;
	}
	return tree_add_file(g->tree, path,
		&(struct tree_file){
			.mode = S_IFREG | 0644, .data = list.data, .len = list.len},
		err);
}

/* ---- The kernel ---- */

static int find_kernel(const struct appliance_request *request, const char *route_text,
	struct kernel *ret, struct boot_route *ret_route, struct strvec *ret_rejected,
	struct error *err)
{
	/* The root's file system (ext4's driver mounts ext2 too), and a writable / above
	 * it. */
	static const char *const always[] = {"ext4", "overlay"};
	struct boot_route route;

	boot_route_parse(route_text, &route);
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		strvec_add(&route.modules, always[i]);
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

/* ---- An image ---- */

/* A directory where the image has nothing, or has what a mount can't cover. */
static int add_directory(struct gather *g, const char *path, uint32_t mode,
	bool is_covered, struct error *err)
{
	const struct tree_inode *inode = tree_lookup(g->tree, path);

	if (inode && (S_ISDIR(inode->mode) || !is_covered))
		return 0;
	tree_remove(g->tree, path);
	return tree_add_file(
		g->tree, path, &(struct tree_file){.mode = S_IFDIR | mode}, err);
}

/* A file in the way stays: the command gets the error when it is to run there. */
static bool can_be_directory(const struct tree *t, const char *path)
{
	for (const char *end = path; end; end = strchr(end + 1, '/')) {
		CLEANUP_FREE char *parent = xstrndup(path, end - path);
		const struct tree_inode *inode = tree_lookup(t, parent);
		if (inode && !S_ISDIR(inode->mode) && !S_ISLNK(inode->mode))
			return false;
	}
	return true;
}

static int add_image(const struct appliance_request *request, const char *spool_dir,
	struct contents *c, struct error *err)
{
	const struct image_input input = {
		.name = request->image,
		.architecture = request->architecture,
		.stamp = c->got.stamp,
		.spool_dir = spool_dir,
	};
	struct gather *g = &c->got;
	CLEANUP_FREE char *modules = xasprintf("/lib/modules/%s", g->kernel.version);

	if (image_add(g->tree, &input, &c->image, err) < 0 ||
		add_directory(g, "/dev", 0755, true, err) < 0 ||
		add_directory(g, "/proc", 0555, true, err) < 0 ||
		add_directory(g, "/sys", 0555, true, err) < 0 ||
		add_directory(g, "/lib/modules", 0755, false, err) < 0)
		return -1;
	/* A container's directory is made where it is missing. */
	if (c->image.cwd && can_be_directory(g->tree, c->image.cwd) &&
		add_directory(g, c->image.cwd, 0755, false, err) < 0)
		return error_prefix(
			err, "make the image's working directory '%s'", c->image.cwd);
	/* Modules of the same version need not be of the same kernel. */
	tree_remove(g->tree, modules);
	if (gather_modules(g, err) < 0)
		return -1;
	/* Its directories have their own times. */
	tree_finish(g->tree);
	return 0;
}

/* ---- All of it ---- */

static int add_host(struct gather *g, struct error *err)
{
	const struct gather_policy policy = {.take_config = true};

	if (gather_package_files(g, &policy, err) < 0 || add_base_files(g, err) < 0 ||
		add_linker_cache(g, err) < 0)
		return -1;
	if (gather_modules(g, err) < 0)
		return -1;
	gather_finish(g);
	return 0;
}

int contents_gather(const struct appliance_request *request, const char *spool_dir,
	struct contents *c, struct stamp *stamp, struct error *err)
{
	const struct tree_options options = {0};
	struct gather *g = &c->got;

	gather_init(g, request->root, stamp, &options);
	if ((!request->image && gather_packages(g, NULL, &request->packages, err) < 0) ||
		contents_find_kernel(request, &g->kernel, &c->route, NULL, err) < 0)
		return -1;
	log_info("route: %s", c->route.name);
	gather_watch_kernel(g, !request->kernel);
	return request->image ? add_image(request, spool_dir, c, err) : add_host(g, err);
}

void contents_done(struct contents *c)
{
	gather_done(&c->got);
	boot_route_done(&c->route);
	image_config_done(&c->image);
}
