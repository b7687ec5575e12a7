/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The choice of a kernel. All files that could be one are collected, the best version first.
 * The first is taken that can be read, is a whole kernel, and has its modules, among them
 * those that the boot needs. The reason why another was passed over is kept, so that the user
 * sees why the newest was not taken, or what there is to mend.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

#include "base/directory.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "kernel/build-tree.h"
#include "kernel/decompress.h"
#include "kernel/image.h"
#include "kernel/kernel.h"
#include "kernel/modules-dir.h"
#include "kernel/version-order.h"

#define IMAGE_MAX ((size_t)1024 * 1024 * 1024)

/* What a kernel's file says of itself. */
struct identity {
	char *version;
	const struct architecture *architecture; /* NULL: one that is not known */
};

struct candidate {
	char *image;
	/* The version is that in the file's name if the file can't be read. */
	struct identity identity;
	/* NULL: none so far. */
	char *problem;
	bool beside_modules;
	/* By its name, it is for the processor that was asked for. */
	bool for_cpu;
};

struct candidates {
	struct candidate *items;
	size_t len;
	size_t cap;
	/* The first file, and the first directory, that this user may not read. */
	char *forbidden_file, *forbidden_dir;
};

static void candidates_done(struct candidates *list)
{
	vector_foreach (c, list) {
		free(c->image);
		free(c->identity.version);
		free(c->problem);
	}
	vector_done(list);
	free(list->forbidden_file);
	free(list->forbidden_dir);
}

/* What is not in the first bytes: of an arm64 or ELF kernel, packed or not. */
static int identify_whole(const char *path, struct identity *ret, struct error *err)
{
	CLEANUP_FREE char *file = NULL;
	CLEANUP_FREE uint8_t *unpacked = NULL;
	size_t len;

	if (io_read_file(AT_FDCWD, path, IMAGE_MAX, &file, &len, err) < 0)
		return -1;
	const uint8_t *data = (uint8_t *)file;
	if (!kernel_image_is_elf(data, len) && !kernel_image_is_arm64(data, len)) {
		if (kernel_image_unpack(data, len, IMAGE_MAX, &unpacked, &len, err) < 0)
			return -1;
		data = unpacked;
	}
	char *version = kernel_version_parse(data, len);
	if (!version)
		return error_set(err, 0, "not a kernel image");
	*ret = (struct identity){version, kernel_image_architecture(data, len)};
	return 0;
}

static int identify(const char *path, struct identity *ret, struct error *err)
{
	CLEANUP_FREE uint8_t *head = xmalloc(KERNEL_IMAGE_HEAD_MAX);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "can't be read");
	if (!S_ISREG(st.st_mode))
		return error_set(err, 0, "not a regular file");
	ssize_t len = io_pread_full(fd, head, KERNEL_IMAGE_HEAD_MAX, 0);
	if (len < 0)
		return error_set(err, errno, "can't be read");

	if (!kernel_image_is_whole(head, len, st.st_size))
		return error_set(err, 0,
			"it is cut off: its header tells of more than the file's %lld bytes",
			(long long)st.st_size);
	if (kernel_image_is_bzimage(head, len)) {
		char *version = kernel_version_parse(head, len);
		*ret = (struct identity){version, kernel_image_architecture(head, len)};
		return version ? 0 : error_set(err, 0, "its header has no version");
	}
	if (!kernel_image_is_elf(head, len) && !kernel_image_is_arm64(head, len) &&
		!kernel_image_is_zboot(head, len) && !decompress_format(head, len))
		return error_set(err, 0, "not a kernel image");
	return identify_whole(path, ret, err);
}

/* `root` is not empty if it is another system's, which may be a stranger's. */
static void add_candidate(struct candidates *list, const char *root, char *image,
	const char *named_version, bool beside_modules)
{
	struct error err;
	struct candidate c = {.image = image, .beside_modules = beside_modules};

	if ((*root && path_check_within(root, image, &err) < 0) ||
		identify(image, &c.identity, &err) < 0) {
		c.identity.version = xstrdup(named_version);
		c.problem = xstrdup(err.msg);
		if (err.num == EACCES && !list->forbidden_file)
			list->forbidden_file = xstrdup(image);
	}
	vector_push(list, c);
}

static void list_directory(
	const char *path, struct candidates *list, struct strvec *ret_names)
{
	if (directory_list(AT_FDCWD, path, 0, ret_names) < 0 && errno == EACCES &&
		!list->forbidden_dir)
		list->forbidden_dir = xstrdup(path);
}

static void collect_beside_modules(const char *root, struct candidates *list)
{
	static const char *const names[] = {"vmlinuz", "Image"};
	CLEANUP_FREE char *path = xasprintf("%s/lib/modules", root);
	CLEANUP_STRVEC struct strvec versions = {0};

	list_directory(path, list, &versions);
	vector_foreach (version, &versions)
		for (size_t i = 0; i < ARRAY_SIZE(names) && **version != '.'; i++) {
			CLEANUP_FREE char *image =
				xasprintf("%s/%s/%s", path, *version, names[i]);
			if (access(image, F_OK) == 0)
				add_candidate(
					list, root, TAKE_PTR(image), *version, true);
		}
}

static bool is_boot_kernel(const char *name)
{
	static const char *const patterns[] = {
		"vmlinuz*", "vmlinux*", "Image*", "kernel-*"};

	/* A rescue kernel is a copy of an old one, kept for a system that does not
	 * boot. */
	if (strstr(name, "rescue"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		if (fnmatch(patterns[i], name, 0) == 0)
			return true;
	return false;
}

static void collect_boot(const char *root, struct candidates *list)
{
	CLEANUP_FREE char *path = xasprintf("%s/boot", root);
	CLEANUP_STRVEC struct strvec names = {0};

	list_directory(path, list, &names);
	vector_foreach (name, &names) {
		const char *hyphen = strchr(*name, '-');
		if (is_boot_kernel(*name))
			add_candidate(list, root, xasprintf("%s/%s", path, *name),
				hyphen ? hyphen + 1 : "", false);
	}
}

/*
 * Where kernels for several processors are side by side, Debian's names say which is for
 * which; others' names say it nowhere, and all of them are taken to fit.
 */
static void mark_for_cpu(struct candidates *list, const char *cpu)
{
	const struct architecture *a = architecture_find(cpu);

	vector_foreach (c, list)
		c->for_cpu = strstr(c->identity.version, cpu) ||
			(a &&
				(strstr(c->identity.version, a->name) ||
					strstr(c->identity.version, a->debian)));
}

/* Best first. */
static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *ca = a;
	const struct candidate *cb = b;

	int diff = cb->for_cpu - ca->for_cpu;
	if (!diff)
		diff = kernel_version_prefer(cb->identity.version, ca->identity.version);
	if (!diff)
		diff = cb->beside_modules - ca->beside_modules;
	return diff ? diff : strcmp(ca->image, cb->image);
}

/* Are the needed modules in the directory, or built into its kernel? */
static int check_modules(
	const char *dir, const char *within, const char *const *needs, struct error *err)
{
	CLEANUP_KMOD struct kmod_ctx *ctx = NULL;

	if (modules_dir_open(dir, within, &ctx, err) < 0)
		return -1;
	for (; needs && *needs; needs++) {
		if (**needs == '?')
			continue;
		CLEANUP_KMOD_LIST struct kmod_list *list =
			modules_dir_lookup(ctx, *needs);
		if (!list)
			return error_set(err, 0, "has no %s", *needs);
		if (modules_dir_check_files(dir, within, list, err) < 0)
			return -1;
	}
	return 0;
}

static int check_architecture(const struct kernel_request *request,
	const struct identity *identity, struct error *err)
{
	const char *name = identity->architecture ? identity->architecture->name
						  : "a processor that is not known";

	if (!request->architecture || identity->architecture == request->architecture)
		return 0;
	return error_set(
		err, 0, "is for %s, not for %s", name, request->architecture->name);
}

static int check_candidate(const struct candidate *c,
	const struct kernel_request *request, const char *root, struct kernel *ret,
	struct error *err)
{
	if (c->problem)
		return error_set(err, 0, "%s", c->problem);
	if (check_architecture(request, &c->identity, err) < 0)
		return -1;
	CLEANUP_FREE char *dir = request->modules_dir
		? xstrdup(request->modules_dir)
		: xasprintf("%s/lib/modules/%s", root, c->identity.version);
	const char *modules_within = request->modules_dir || !*root ? NULL : root;
	if (check_modules(dir, modules_within, request->needs, err) < 0)
		return -1;
	*ret = (struct kernel){.image = xstrdup(c->image),
		.within = modules_within ? xstrdup(modules_within) : NULL,
		.version = xstrdup(c->identity.version),
		.modules_dir = TAKE_PTR(dir),
		.architecture = c->identity.architecture};
	return 0;
}

/* What a user can do. A package that is installed, but only for root to read, need not be
 * installed again. */
static void advise(const struct kernel_request *request, const struct candidates *list,
	struct strbuf *ret)
{
	const struct architecture *a = request->architecture;
	const char *file = list->forbidden_file, *dir = list->forbidden_dir;

	if (dir)
		strbuf_addf(ret,
			"Only root may look into %s: let this user, as root with 'chmod a+rx "
			"%s', or name a kernel that it may read",
			dir, dir);
	else if (file)
		strbuf_addf(ret,
			"Only root may read %s: let this user, as root with 'chmod a+r %s' "
			"(on Ubuntu and Debian 'dpkg-statoverride --update --add root root 0644 "
			"%s' lasts until that kernel is removed), or name a copy that it may "
			"read",
			file, file, file);
	else
		strbuf_addf(ret,
			"Install a kernel package (Debian: linux-image-cloud-%s, Fedora: "
			"kernel-core, Arch: linux) or name one",
			a ? a->debian : "…");
	strbuf_adds(ret, " with --kernel FILE --modules DIR");
}

static int nothing_found(const struct kernel_request *request, const char *root,
	const struct candidates *list, const struct strvec *rejected, struct error *err)
{
	CLEANUP_STRBUF struct strbuf reasons = {0};
	CLEANUP_STRBUF struct strbuf advice = {0};

	vector_foreach (reason, rejected)
		strbuf_addf(&reasons, "%s%s", reasons.len ? "; " : "", *reason);
	advise(request, list, &advice);
	return error_set(err, 0,
		"no kernel to boot: looked for %s/lib/modules/*/vmlinuz and "
		"%s/boot/vmlinuz*, Image*, kernel-*; %s%s. %s",
		root, root,
		reasons.len		      ? "passed over "
			: list->forbidden_dir ? "found none"
					      : "there is none",
		strbuf_text(&reasons), advice.data);
}

static int search(const struct kernel_request *request, const char *root,
	struct kernel *ret, struct strvec *rejected, struct error *err)
{
	CLEANUP(candidates_done) struct candidates list = {0};

	collect_beside_modules(root, &list);
	collect_boot(root, &list);
	if (request->cpu)
		mark_for_cpu(&list, request->cpu);
	vector_sort(&list, compare_candidates);
	vector_foreach (c, &list) {
		struct error why;
		if (check_candidate(c, request, root, ret, &why) == 0)
			return 0;
		strvec_addf(rejected, "%s: %s", c->image, why.msg);
		log_info("kernel: passed over %s: %-s", c->image, why.msg);
	}
	return nothing_found(request, root, &list, rejected, err);
}

static bool has_index(const char *dir)
{
	CLEANUP_FREE char *index = xasprintf("%s/modules.dep.bin", dir);

	return access(index, F_OK) == 0;
}

/*
 * The modules of a kernel that the user named: where they are installed, or beside it, as
 * in a directory made by "make modules_install".
 */
static char *modules_of_named(const char *image, const char *version, const char *root)
{
	CLEANUP_FREE char *copy = xstrdup(image);
	const char *beside = dirname(copy);
	char *const places[] = {
		xasprintf("%s/lib/modules/%s", root, version),
		xasprintf("%s/lib/modules/%s", beside, version),
		xasprintf("%s/../lib/modules/%s", beside, version),
		xasprintf("%s/modules/%s", beside, version),
		xasprintf("%s/modules", beside),
		xstrdup(beside),
	};
	char *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (!found && has_index(places[i]))
			found = places[i];
		else
			free(places[i]);
	return found;
}

/* One whose version is given need not be in a form that we can read. */
static int identify_named(
	const struct kernel_request *request, struct identity *ret, struct error *err)
{
	struct identity identity = {0};

	int result = identify(request->image, &identity, err);
	if (result == 0 && check_architecture(request, &identity, err) < 0) {
		free(identity.version);
		return -1;
	}
	if (result < 0 && !request->version)
		return -1;
	if (request->version) {
		free(identity.version);
		identity.version = xstrdup(request->version);
	}
	*ret = identity;
	return 0;
}

static int take_named(const struct kernel_request *named, const char *root,
	struct kernel *ret, struct error *err)
{
	CLEANUP_FREE char *dir = NULL, *tree = NULL, *image = NULL;
	struct kernel_request copy = *named, *request = &copy;
	struct identity identity;

	int found =
		build_tree_find(named->image, named->architecture, &tree, &image, err);
	if (found < 0)
		return -1;
	if (found)
		copy.image = image;
	if (identify_named(request, &identity, err) < 0)
		return error_prefix(err, "kernel '%s'", request->image);
	CLEANUP_FREE char *version = identity.version;
	if (request->modules_dir)
		dir = xstrdup(request->modules_dir);
	else if (tree && !(dir = build_tree_modules(tree, version, err)))
		return -1;
	else if (!tree)
		dir = modules_of_named(request->image, version, root);
	if (!dir)
		return error_set(err, 0,
			"kernel '%s': no modules of version %s in %s/lib/modules or "
			"beside it. Name their directory with --modules DIR",
			request->image, version, root);
	CLEANUP_FREE char *installed = xasprintf("%s/lib/modules/%s", root, version);
	const char *within = *root && strcmp(dir, installed) == 0 ? root : NULL;
	if (check_modules(dir, within, request->needs, err) < 0)
		return error_prefix(
			err, "kernel '%s', modules in '%s'", request->image, dir);
	*ret = (struct kernel){.image = xstrdup(request->image),
		.version = TAKE_PTR(version),
		.modules_dir = TAKE_PTR(dir),
		.within = within ? xstrdup(within) : NULL,
		.build_tree = request->modules_dir ? NULL : TAKE_PTR(tree),
		.architecture = identity.architecture};
	return 0;
}

int kernel_find(const struct kernel_request *request, struct kernel *ret,
	struct strvec *ret_rejected, struct error *err)
{
	CLEANUP_STRVEC struct strvec rejected = {0};
	CLEANUP_FREE char *root = xstrndup(
		request->root, path_trimmed_len(request->root, strlen(request->root)));

	int r = request->image ? take_named(request, root, ret, err)
			       : search(request, root, ret, &rejected, err);
	if (r == 0)
		log_info("kernel: %s, version %s", ret->image, ret->version);
	if (ret_rejected)
		vector_foreach (reason, &rejected)
			strvec_add(ret_rejected, *reason);
	return r;
}

void kernel_done(struct kernel *k)
{
	free(k->image);
	free(k->version);
	free(k->modules_dir);
	free(k->build_tree);
	free(k->within);
	*k = (struct kernel){0};
}
