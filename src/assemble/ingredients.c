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
#include "build/directory-times.h"
#include "build/package-file.h"

/* What launchers attach the root to, and what they attach beside it. */
#define BOOT_MODULES                                                         \
	"virtio_pci", "?virtio_mmio", "virtio_blk", "virtio_scsi", "sd_mod", \
		"ext4", /* mounts ext2 too */                                \
		"?virtio_console", "?virtio_rng"

const char *const ingredients_boot_modules[] = {BOOT_MODULES, NULL};

/* With those that are loaded only where the others do not lead to the root: qemu's -hda
 * on its two machines, and persistent memory with an overlay, for an appliance that is
 * held (guest/companion.h). */
const char *const ingredients_all_modules[] = {
	BOOT_MODULES, "?ata_piix", "?ahci", "?nd_e820", "?nd_pmem", "?overlay", NULL};

/* ---- Inputs ---- */

static int read_inputs(const struct assembly *a, struct ingredients *in,
	struct stamp *stamp, struct error *err)
{
	int result = 0;

	vector_foreach (input, &a->inputs)
		if (result == 0)
			result = spec_read(&in->spec, *input, err);
	vector_foreach (path, &in->spec.read)
		stamp_add(stamp, *path);
	return result;
}

/* What may be symlinks into /usr on the host. */
static const char *const merged_directories[] = {
	"/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin"};

/* A base image may name /lib/x where the host's /lib is a symlink to usr/lib: the link
 * has to be there before it, or the packages' programs would look for their libraries in
 * vain. */
static int add_merged_directories(
	const struct assembly *a, struct ingredients *in, struct error *err)
{
	char target[2];

	for (size_t i = 0; i < ARRAY_SIZE(merged_directories); i++) {
		CLEANUP_FREE char *path = path_below(a->root, merged_directories[i]);
		if (readlink(path, target, sizeof(target)) > 0 &&
			tree_add_path(in->tree, a->root, merged_directories[i], err) < 0)
			return -1;
	}
	return 0;
}

/* Those that nothing went through lead nowhere, and go. */
static void remove_unused_links(struct ingredients *in)
{
	for (size_t i = 0; i < ARRAY_SIZE(merged_directories); i++) {
		const struct tree_inode *inode =
			tree_lookup(in->tree, merged_directories[i]);
		if (inode && S_ISLNK(inode->mode) &&
			!tree_lookup(in->tree, inode->target))
			tree_remove(in->tree, merged_directories[i]);
	}
}

static int add_image(const struct ingredients *in, const char *path,
	const char *spool_dir, struct error *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return error_set(err, errno, "open the base image '%s'", path);
	return tree_add_archive(in->tree,
		&(struct tree_archive){
			.fd = fd, .name = path, .at = "/", .spool_dir = spool_dir},
		err);
}

static int add_images(const struct assembly *a, struct ingredients *in,
	const char *spool_dir, struct error *err)
{
	if (add_merged_directories(a, in, err) < 0)
		return -1;
	vector_foreach (path, &in->spec.images)
		if (add_image(in, *path, spool_dir, err) < 0)
			return -1;
	vector_foreach (path, &a->trees)
		if (tree_add_directory(in->tree, *path, "/", err) < 0)
			return -1;
	return 0;
}

/* ---- Packages ---- */

static int gather_packages(const struct assembly *a, struct ingredients *in,
	struct stamp *stamp, struct error *err)
{
	struct strvec watch = {0}, names = {0};

	if (!in->spec.packages.len)
		return 0;
	if (packages_open(a->root, &in->packages, err) < 0)
		return -1;
	packages_watch_paths(in->packages, &watch);
	vector_foreach (path, &watch)
		stamp_add(stamp, *path);
	strvec_done(&watch);
	/* Lists are made on one machine and used on others, which may lack what they can
	 * do without: that is how everyone has used them. */
	vector_foreach (name, &in->spec.packages)
		if (packages_find(in->packages, *name))
			strvec_add(&names, *name);
		else
			log_info(
				"package %s is not installed, and so not in the appliance",
				*name);
	int result = packages_resolve(
		in->packages, (const char *const *)names.items, names.len, &in->set, err);
	strvec_done(&names);
	if (result == 0)
		log_info("build: %zu packages, including dependencies", in->set.len);
	return result;
}

/* A symlink to a directory comes with that directory, though empty: /var/lock leads to
 * /run/lock, which no package has. */
static int add_target(const struct assembly *a, struct ingredients *in, const char *path,
	const char *host, struct error *err)
{
	CLEANUP_FREE char *inside = xasprintf("%s/.", path);
	struct stat st;

	if (stat(host, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	return tree_add_path(in->tree, a->root, inside, err) < 0 ? -1 : 0;
}

/* 1: it is not there. */
static int add_package_file(const struct assembly *a, struct ingredients *in,
	struct stamp *stamp, const struct package_file *file, struct error *err)
{
	const char *path = file->source ? file->source : file->path;
	int result = package_file_add(in->tree, a->root, file, err);
	if (result)
		return result;
	CLEANUP_FREE char *host = path_below(a->root, path);
	mode_t mode = stamp_add_itself(stamp, host);
	return S_ISLNK(mode) && !file->target ? add_target(a, in, path, host, err) : 0;
}

static int add_package_files(const struct assembly *a, struct ingredients *in,
	struct stamp *stamp, struct error *err)
{
	struct package_files files = {0};
	size_t added = 0;
	int result = 0;

	if (in->packages && packages_files(in->packages, &in->set, &files, err) < 0)
		return -1;
	for (size_t i = 0; i < files.len && result >= 0; i++) {
		const struct package_file *file = &files.items[i];
		if (file->is_config || spec_excludes(&in->spec, file->path))
			continue;
		result = add_package_file(a, in, stamp, file, err);
		if (result == 0)
			added++;
	}
	log_info("build: %zu of the packages' %zu files are in the appliance", added,
		files.len);
	package_files_done(&files);
	return result < 0 ? -1 : 0;
}

static int add_package_list(struct ingredients *in, struct error *err)
{
	CLEANUP_STRBUF struct strbuf text = {0};
	CLEANUP_STRVEC struct strvec lines = {0};

	vector_foreach (pkg, &in->set) {
		CLEANUP_FREE char *name = packages_full_name(in->packages, *pkg);
		strvec_add(&lines, name);
	}
	strvec_sort(&lines);
	vector_foreach (line, &lines)
		strbuf_addf(&text, "%s\n", *line);
	return tree_add_file(in->tree, "/packagelist",
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

typedef int path_fn(const char *path, void *data, struct error *err);

/* Each path of the host that a pattern matches, without the root. */
static int for_each_match(const struct assembly *a, const char *pattern, path_fn *fn,
	void *data, struct error *err)
{
	CLEANUP_FREE char *full = path_below(a->root, pattern);
	size_t skip = strlen(full) - strlen(pattern);
	glob_t matches;
	int result = 0;

	int r = glob(full, GLOB_NOESCAPE, NULL, &matches);
	if (r == GLOB_NOMATCH)
		return 0;
	if (r != 0)
		return error_set(err, errno, "look for files that match '%s'", pattern);
	for (size_t i = 0; i < matches.gl_pathc && result == 0; i++)
		result = fn(matches.gl_pathv[i] + skip, data, err);
	globfree(&matches);
	return result;
}

struct hostfiles {
	const struct assembly *a;
	struct ingredients *in;
	struct stamp *stamp;
};

static int stamp_match(const char *path, void *data, struct error *err)
{
	struct hostfiles *h = data;

	(void)err;
	stamp_add_below(h->stamp, h->a->root, path);
	return 0;
}

static int add_match(const char *path, void *data, struct error *err)
{
	struct hostfiles *h = data;

	CLEANUP_FREE char *host = path_below(h->a->root, path);
	struct stat st;

	stamp_add(h->stamp, host);
	int result = tree_add_path(h->in->tree, h->a->root, path, err);
	if (result == 0 && lstat(host, &st) == 0 && S_ISLNK(st.st_mode))
		result = add_target(h->a, h->in, path, host, err);
	return result < 0 ? -1 : 0;
}

/* The directories in which the pattern's wildcards look: a new file there may be a
 * match. */
static int stamp_searched(struct hostfiles *h, const char *pattern, struct error *err)
{
	for (const char *p = pattern; *p;) {
		p += strspn(p, "/");
		size_t len = strcspn(p, "/");
		CLEANUP_FREE char *component = xstrndup(p, len);
		CLEANUP_FREE char *directory = xstrndup(pattern, p - pattern);
		if (has_wildcard(component) &&
			for_each_match(h->a, directory, stamp_match, h, err) < 0)
			return -1;
		p += len;
	}
	return 0;
}

static int add_hostfiles(const struct assembly *a, struct ingredients *in,
	struct stamp *stamp, struct error *err)
{
	struct hostfiles h = {a, in, stamp};

	vector_foreach (pattern, &in->spec.hostfiles) {
		if (!has_wildcard(*pattern))
			stamp_add_below(stamp, a->root, *pattern);
		if (stamp_searched(&h, *pattern, err) < 0 ||
			for_each_match(a, *pattern, add_match, &h, err) < 0)
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

static int gather_kernel(const struct assembly *a, struct ingredients *in,
	struct stamp *stamp, struct error *err)
{
	const struct architecture *architecture = ingredients_architecture(a, err);
	const struct kernel_request request = {
		.root = a->root,
		.image = a->kernel,
		.version = a->kernel_version,
		/* Whoever names a kernel knows what it is for. */
		.architecture = a->kernel ? NULL : architecture,
		.cpu = a->cpu,
		.modules_dir = a->modules_dir,
		.needs = ingredients_boot_modules,
	};
	CLEANUP_STRVEC struct strvec rejected = {0};

	if (!architecture)
		return -1;
	if (!a->kernel) {
		stamp_add_below(stamp, a->root, "/boot");
		stamp_add_below(stamp, a->root, "/lib/modules");
	}
	if (kernel_find(&request, &in->kernel, &rejected, err) < 0)
		return -1;
	vector_foreach (reason, &rejected)
		log_warning("kernel %s; %s is taken", *reason, in->kernel.image);
	CLEANUP_FREE char *dependencies =
		xasprintf("%s/modules.dep", in->kernel.modules_dir);
	stamp_add(stamp, in->kernel.image);
	stamp_add(stamp, dependencies);
	return 0;
}

static int add_modules(
	const struct assembly *a, struct ingredients *in, struct error *err)
{
	CLEANUP_FREE char *at = xasprintf("/lib/modules/%s", in->kernel.version);

	/* The host's own directory for its owner and permissions, if it has one. */
	if (tree_add_path(in->tree, a->root, "/lib/modules", err) < 0)
		return -1;
	if (access(in->kernel.modules_dir, F_OK) < 0)
		return tree_add_file(
			in->tree, at, &(struct tree_file){.mode = S_IFDIR | 0755}, err);
	return tree_add_directory(in->tree, in->kernel.modules_dir, at, err);
}

/* ---- All of it ---- */

static void on_unreadable(const char *path, const char *reason, void *data)
{
	struct ingredients *in = data;
	strvec_addf(&in->unreadable, "%s: %s", path, reason);
}

static void warn_unreadable(const struct strvec *files)
{
	vector_foreach (file, files)
		log_info("left out: %s", *file);
	if (files->len)
		log_warning("left out of the appliance, as this user can't read %s: %s%s",
			files->len > 1 ? "them" : "it", files->items[0],
			files->len > 1 ? ", and others (-v names them)" : "");
}

static int fill_tree(const struct assembly *a, struct ingredients *in,
	struct stamp *stamp, const char *spool_dir, struct error *err)
{
	if (add_images(a, in, spool_dir, err) < 0 ||
		add_package_files(a, in, stamp, err) < 0 ||
		add_hostfiles(a, in, stamp, err) < 0)
		return -1;
	if (a->package_list && add_package_list(in, err) < 0)
		return -1;
	if (a->format == ASSEMBLY_EXT2 && add_modules(a, in, err) < 0)
		return -1;
	remove_unused_links(in);
	return 0;
}

int ingredients_gather(const struct assembly *a, struct ingredients *in,
	struct stamp *stamp, struct error *err)
{
	const struct tree_options options = {
		.skip_unreadable = true,
		.on_skip = on_unreadable,
		.on_skip_data = in,
		.clamp_mtime = a->clamp_mtime,
		.mtime_max = {.sec = a->epoch},
	};
	const char *slash = strrchr(a->output, '/');
	CLEANUP_FREE char *parent = xstrndup(a->output, slash - a->output + 1);

	*in = (struct ingredients){.tree = tree_new(&options)};
	if (read_inputs(a, in, stamp, err) < 0 || gather_packages(a, in, stamp, err) < 0)
		return -1;
	if (a->format == ASSEMBLY_EXT2 && gather_kernel(a, in, stamp, err) < 0)
		return -1;
	if (fill_tree(a, in, stamp, a->spool_dir ? a->spool_dir : parent, err) < 0)
		return -1;
	tree_finish(in->tree);
	directory_times_set(in->tree);
	warn_unreadable(&in->unreadable);
	return 0;
}

void ingredients_done(struct ingredients *in)
{
	tree_free(in->tree);
	kernel_done(&in->kernel);
	package_set_done(&in->set);
	packages_close(in->packages);
	spec_done(&in->spec);
	strvec_done(&in->unreadable);
	*in = (struct ingredients){0};
}
