/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Appliances from inputs: the public call's checks, and paths that hold from anywhere. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "api/handle.h"
#include "appliance/assembly.h"
#include "base/path.h"

/* The current directory, which relative paths start at. */
struct current {
	/* NULL: it can't be found, for the reason `num`. */
	char *dir;
	int num;
	/* A relative path that therefore could not be made absolute, or NULL. */
	const char *lost;
};

/* As the caller means it, though not resolved: a symlink stays one, so that a change of
 * its target is seen. NULL stays NULL. */
static char *absolute(struct current *current, const char *path)
{
	if (!path || path[0] == '/')
		return path ? xstrdup(path) : NULL;
	if (!current->dir)
		current->lost = path;
	return xasprintf("%s/%s", current->dir ? current->dir : "", path);
}

static void add_all(struct current *current, struct strvec *to, const char *const *paths)
{
	for (; paths && *paths; paths++) {
		CLEANUP_FREE char *path = absolute(current, *paths);
		strvec_add(to, path);
	}
}

static int check(const struct hypermin_assembly *w, struct error *err)
{
	if (w->struct_size != sizeof(*w))
		return error_set(err, 0,
			"make an appliance: the request is of another version; was the program compiled for another version of hypermin?");
	if (!w->output || !*w->output)
		return error_set(err, 0, "make an appliance: no output is named");
	if ((!w->inputs || !*w->inputs) && (!w->trees || !*w->trees))
		return error_set(err, 0, "make an appliance: no input is named");
	return 0;
}

static char *output_path(struct current *current, const char *path)
{
	char *full = absolute(current, path);

	full[MAX(path_trimmed_len(full, strlen(full)), 1)] = '\0';
	return full;
}

int hypermin_assemble(
	struct hypermin *h, const struct hypermin_assembly *w, bool *ret_made)
{
	bool made;

	if (check(w, &h->error) < 0)
		return -1;
	CLEANUP_FREE char *here = getcwd(NULL, 0);
	struct current current = {.dir = here, .num = errno};
	CLEANUP_FREE char *output = output_path(&current, w->output);
	CLEANUP_FREE char *kernel = absolute(&current, w->kernel);
	CLEANUP_FREE char *modules_dir = absolute(&current, w->modules_dir);
	CLEANUP_FREE char *spool_dir = absolute(&current, w->spool_dir);
	CLEANUP_FREE char *builder = handle_find_program("hypermin-builder", &h->error);
	if (!builder)
		return -1;
	struct assembly a = {
		.root = h->root,
		.output = output,
		.format = w->format == HYPERMIN_FORMAT_EXT2 ? ASSEMBLY_EXT2
							    : ASSEMBLY_CHROOT,
		.size = w->image_size,
		.copy_kernel = w->copy_kernel,
		.if_newer = w->if_newer,
		.package_list = w->package_list,
		.cpu = w->cpu,
		.kernel = kernel,
		.kernel_version = w->kernel_version,
		.modules_dir = modules_dir,
		.spool_dir = spool_dir,
		.clamp_mtime = w->clamp_times,
		.epoch = w->clamp_to,
		.privileged = w->privileged,
	};
	add_all(&current, &a.inputs, w->inputs);
	add_all(&current, &a.trees, w->trees);
	int result = current.lost
		? error_set(&h->error, current.num,
			  "find the current directory, for '%s'", current.lost)
		: assembly_make(
			  &a, w->lock_file, builder, h->control[0], &made, &h->error);
	if (result == 0 && ret_made)
		*ret_made = made;
	assembly_done(&a);
	return result;
}
