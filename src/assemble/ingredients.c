/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gathering what goes into an appliance that inputs describe. */
#include "assemble/ingredients.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/strbuf.h"

/* For the buses that launchers attach the root to, and for the devices beside it: an
 * appliance's udev loads no drivers for what is there when it starts. */
#define BOOT_MODULES                                                         \
	"virtio_pci", "?virtio_mmio", "virtio_blk", "virtio_scsi", "sd_mod", \
		"ext4", /* mounts ext2 too */                                \
		"?virtio_console", "?virtio_rng", "?virtio_net"

const char *const ingredients_boot_modules[] = {BOOT_MODULES, NULL};

/* And for qemu's -hda on its two machines; and, for an appliance that is held
 * (guest/companion.h), for persistent memory with an overlay, and for directories of the host. */
const char *const ingredients_all_modules[] = {BOOT_MODULES, "?ata_piix", "?ahci",
	"?nd_e820", "?nd_pmem", "?overlay", "?fuse", NULL};

/* ---- Inputs ---- */

/* These may be symlinks into /usr on the host. */
static const char *const merged_directories[] = {
	"/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin"};

/* A base image may name /lib/x where the host's /lib is a symlink to usr/lib: the link
 * has to be there before it, or the packages' programs would look for their libraries in
 * vain. */
static int add_merged_directories(struct gather *g, struct error *err)
{
	char target[2];

	for (size_t i = 0; i < ARRAY_SIZE(merged_directories); i++) {
		CLEANUP_FREE char *path = path_below(g->root, merged_directories[i]);
		if (readlink(path, target, sizeof(target)) > 0 &&
			tree_add_path(g->tree, g->root, merged_directories[i], err) < 0)
			return -1;
	}
	return 0;
}

/* A link that no file was added through leads nowhere. */
static void remove_unused_links(struct gather *g)
{
	for (size_t i = 0; i < ARRAY_SIZE(merged_directories); i++) {
		const struct tree_inode *inode =
			tree_lookup(g->tree, merged_directories[i]);
		if (inode && S_ISLNK(inode->mode) && !tree_lookup(g->tree, inode->target))
			tree_remove(g->tree, merged_directories[i]);
	}
}

static int add_images(const struct assembly *a, struct ingredients *in, struct error *err)
{
	const char *slash = strrchr(a->output, '/');
	CLEANUP_FREE char *parent = xstrndup(a->output, slash - a->output + 1);
	struct tree *tree = in->got.tree;

	if (add_merged_directories(&in->got, err) < 0)
		return -1;
	vector_foreach (path, &in->spec.images) {
		CLEANUP_CLOSE int fd = open(*path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			return error_set(err, errno, "open the base image '%s'", *path);
		if (tree_add_archive(tree,
			    &(struct tree_archive){.fd = fd,
				    .name = *path,
				    .at = "/",
				    .spool_dir = a->spool_dir ? a->spool_dir : parent},
			    err) < 0)
			return -1;
	}
	vector_foreach (path, &a->trees)
		if (tree_add_directory(tree, *path, "/", err) < 0)
			return -1;
	return 0;
}

/* ---- Packages ---- */

static int add_package_list(struct gather *g, struct error *err)
{
	CLEANUP_STRBUF struct strbuf text = {0};
	CLEANUP_STRVEC struct strvec lines = {0};

	vector_foreach (pkg, &g->set) {
		CLEANUP_FREE char *name = packages_full_name(g->packages, *pkg);
		strvec_add(&lines, name);
	}
	strvec_sort(&lines);
	vector_foreach (line, &lines)
		strbuf_addf(&text, "%s\n", *line);
	return tree_add_file(g->tree, "/packagelist",
		&(struct tree_file){.mode = S_IFREG | 0644,
			.data = strbuf_text(&text),
			.len = text.len},
		err);
}

/* ---- Hostfiles ---- */

static bool has_wildcard(const char *pattern)
{
	return strpbrk(pattern, "*?[") != NULL;
}

typedef int path_fn(struct gather *g, const char *path, struct error *err);

/* Each path of the host that a pattern matches, without the root. */
static int for_each_match(
	struct gather *g, const char *pattern, path_fn *fn, struct error *err)
{
	CLEANUP_FREE char *full = path_below(g->root, pattern);
	size_t skip = strlen(full) - strlen(pattern);
	glob_t matches;
	int result = 0;

	int r = glob(full, GLOB_NOESCAPE, NULL, &matches);
	if (r == GLOB_NOMATCH)
		return 0;
	if (r != 0)
		return error_set(err, errno, "look for files that match '%s'", pattern);
	for (size_t i = 0; i < matches.gl_pathc && result == 0; i++)
		result = fn(g, matches.gl_pathv[i] + skip, err);
	globfree(&matches);
	return result;
}

static int stamp_match(struct gather *g, const char *path, struct error *err)
{
	(void)err;
	stamp_add_below(g->stamp, g->root, path);
	return 0;
}

static int add_match(struct gather *g, const char *path, struct error *err)
{
	CLEANUP_FREE char *host = path_below(g->root, path);
	struct stat st;

	stamp_add(g->stamp, host);
	int result = tree_add_path(g->tree, g->root, path, err);
	if (result == 0 && lstat(host, &st) == 0 && S_ISLNK(st.st_mode))
		result = gather_link_target(g, path, err);
	return result < 0 ? -1 : 0;
}

/* The directories in which the pattern's wildcards look: a new file there may be a
 * match. */
static int stamp_searched(struct gather *g, const char *pattern, struct error *err)
{
	for (const char *p = pattern; *p;) {
		p += strspn(p, "/");
		size_t len = strcspn(p, "/");
		CLEANUP_FREE char *component = xstrndup(p, len);
		CLEANUP_FREE char *directory = xstrndup(pattern, p - pattern);
		if (has_wildcard(component) &&
			for_each_match(g, directory, stamp_match, err) < 0)
			return -1;
		p += len;
	}
	return 0;
}

static int add_hostfiles(struct ingredients *in, struct error *err)
{
	struct gather *g = &in->got;

	vector_foreach (pattern, &in->spec.hostfiles) {
		if (!has_wildcard(*pattern))
			stamp_add_below(g->stamp, g->root, *pattern);
		if (stamp_searched(g, *pattern, err) < 0 ||
			for_each_match(g, *pattern, add_match, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- The kernel ---- */

const struct architecture *ingredients_architecture(
	const struct assembly *a, struct error *err)
{
	const struct architecture *named = a->cpu ? architecture_find(a->cpu) : NULL;

	return named ? named : architecture_of_host(err);
}

static int find_kernel(const struct assembly *a, struct gather *g, struct error *err)
{
	const struct architecture *architecture = ingredients_architecture(a, err);
	const struct kernel_request request = {
		.root = a->root,
		.image = a->kernel,
		.version = a->kernel_version,
		/* A kernel that was named is taken for whatever it is for. */
		.architecture = a->kernel ? NULL : architecture,
		.cpu = a->cpu,
		.modules_dir = a->modules_dir,
		.needs = ingredients_boot_modules,
	};
	CLEANUP_STRVEC struct strvec rejected = {0};

	if (!architecture || kernel_find(&request, &g->kernel, &rejected, err) < 0)
		return -1;
	vector_foreach (reason, &rejected)
		log_warning("kernel %s; %s is taken", *reason, g->kernel.image);
	gather_watch_kernel(g, !a->kernel);
	return 0;
}

/* ---- All of it ---- */

static bool is_excluded(const char *path, const void *data)
{
	return spec_excludes(data, path);
}

int ingredients_gather(const struct assembly *a, struct ingredients *in,
	struct stamp *stamp, struct error *err)
{
	const struct tree_options options = {
		.clamp_mtime = a->clamp_mtime,
		.mtime_max = {.sec = a->epoch},
	};
	/* Configuration comes from base images. */
	const struct gather_policy policy = {
		.watch_var = true,
		.take_link_targets = true,
		.excludes = is_excluded,
		.data = &in->spec,
	};
	struct gather *g = &in->got;
	int result = 0;

	gather_init(g, a->root, stamp, &options);
	for (size_t i = 0; i < a->inputs.len && result == 0; i++)
		result = spec_read(&in->spec, a->inputs.items[i], err);
	vector_foreach (path, &in->spec.read)
		stamp_add(stamp, *path);
	if (result < 0)
		return -1;
	/* Lists are made on one machine and used on others, which need not have all of
	 * it. */
	if (in->spec.packages.len &&
		gather_packages(g, (const char *const *)strvec_argv(&in->spec.packages),
			NULL, err) < 0)
		return -1;
	if (a->format == ASSEMBLY_EXT2 && find_kernel(a, g, err) < 0)
		return -1;
	if (add_images(a, in, err) < 0 || gather_package_files(g, &policy, err) < 0 ||
		add_hostfiles(in, err) < 0)
		return -1;
	if (a->package_list && add_package_list(g, err) < 0)
		return -1;
	if (a->format == ASSEMBLY_EXT2 && gather_modules(g, err) < 0)
		return -1;
	remove_unused_links(g);
	gather_finish(g);
	gather_warn_unreadable(g);
	return 0;
}

void ingredients_done(struct ingredients *in)
{
	gather_done(&in->got);
	spec_done(&in->spec);
}
