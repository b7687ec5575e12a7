/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Appliances from inputs: the public call's checks, and paths that hold from anywhere. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "api/handle.h"
#include "appliance/assembly.h"

/* As the caller means it, though not resolved: a symlink stays one, so that a change of
 * its target is seen. NULL stays NULL. */
static char *absolute(const char *path)
{
	CLEANUP_FREE char *here = NULL;

	if (!path || path[0] == '/')
		return path ? xstrdup(path) : NULL;
	here = getcwd(NULL, 0);
	return xasprintf("%s/%s", here ? here : "", path);
}

static void add_all(struct strvec *to, const char *const *paths)
{
	for (; paths && *paths; paths++) {
		CLEANUP_FREE char *path = absolute(*paths);
		strvec_add(to, path);
	}
}

static int check(const struct hypermin_assembly *w, struct error *err)
{
	if (w->struct_size != sizeof(*w))
		return error_set(
			err, EINVAL, "make an appliance: another version's request");
	if (!w->output || !*w->output)
		return error_set(err, 0, "make an appliance: no output is named");
	if ((!w->inputs || !*w->inputs) && (!w->trees || !*w->trees))
		return error_set(err, 0, "make an appliance: no input is named");
	return 0;
}

static char *output_path(const char *path)
{
	char *full = absolute(path);
	size_t len = strlen(full);

	while (len > 1 && full[len - 1] == '/')
		full[--len] = '\0';
	return full;
}

int hypermin_assemble(
	struct hypermin *h, const struct hypermin_assembly *w, bool *ret_made)
{
	bool made;

	if (check(w, &h->error) < 0)
		return -1;
	CLEANUP_FREE char *output = output_path(w->output);
	CLEANUP_FREE char *kernel = absolute(w->kernel);
	CLEANUP_FREE char *modules_dir = absolute(w->modules_dir);
	CLEANUP_FREE char *spool_dir = absolute(w->spool_dir);
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
	};
	add_all(&a.inputs, w->inputs);
	add_all(&a.trees, w->trees);
	int result =
		assembly_make(&a, w->lock_file, builder, h->control[0], &made, &h->error);
	if (result == 0 && ret_made)
		*ret_made = made;
	assembly_done(&a);
	return result;
}
