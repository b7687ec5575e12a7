/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "confinement.h"

#include <linux/capability.h>
#include <string.h>
#include <unistd.h>

#include "appliance/image-name.h"
#include "base/path.h"
#include "base/program.h"
#include "base/strbuf.h"
#include "kernel/kernel.h"
#include "packages/packages.h"

#define CAPABILITY(name) (UINT64_C(1) << (name))

/* Of a task that only looks at databases. */
#define LOOK_SECONDS 600

#ifdef __SANITIZE_ADDRESS__
/* A search for leaks makes a process, and the filter does not let it. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}
#endif

static const char *const variables[] = {"PATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG",
	"LC_ALL", "LC_CTYPE", "LC_MESSAGES", "SOURCE_DATE_EPOCH", "RPM_CONFIGDIR",
	"FAKEROOTKEY", "FAKED_MODE", "FAKEROOT_FD_BASE", "ASAN_OPTIONS", "LSAN_OPTIONS",
	"UBSAN_OPTIONS", NULL};

/* ---- What all tasks need ---- */

static void begin(struct confine_needs *ret)
{
	*ret = (struct confine_needs){
		.program = "the builder",
		.variables = variables,
		.capabilities = CONFINE_FILES_OF_ALL,
		.writes = true,
		.max_memory = CONFINE_MEMORY_OF_PARSERS,
		.not_for_it = 1u << CONFINE_OWN_FILTER,
	};
	confine_need_system(ret);
	confine_may_need_own(ret, xstrdup("/dev/null"), CONFINE_WRITE);
	if (getenv("FAKEROOTKEY"))
		ret->without[CONFINE_FILTER] =
			"fakeroot works by messages between processes";
}

static int enforce(
	struct confine_needs *needs, confine_report_fn *fn, void *data, struct error *err)
{
	CLEANUP_CONFINE struct confine confine = {0};

	confine_init(&confine, needs);
	int result = confine_self(&confine, err);
	if (result == 0 && fn)
		confine_report(&confine, fn, data);
	return result;
}

static void may_need(
	struct confine_needs *needs, const char *path, enum confine_access access)
{
	if (path)
		confine_may_need_own(needs, xstrdup(path), access);
}

static void may_need_in(struct confine_needs *needs, const char *directory,
	const char *name, enum confine_access access)
{
	confine_may_need_own(needs, xasprintf("%s/%s", directory, name), access);
}

/* hypermin's own. */
static void need_programs(struct confine_needs *needs, const char *self)
{
	confine_may_need_own(
		needs, xstrndup(self, strrchr(self, '/') - self), CONFINE_READ);
}

static void need_temporary(struct confine_needs *needs)
{
	const char *tmp = getenv("TMPDIR");

	may_need(needs, tmp && *tmp ? tmp : "/var/tmp", CONFINE_CHANGE);
	if (!tmp || !*tmp)
		may_need(needs, "/tmp", CONFINE_CHANGE);
}

static void note_rpm(const char *name, bool in_use, void *data)
{
	bool *rpm = data;

	*rpm |= in_use && strcmp(name, "rpm") == 0;
}

/* rpm's database is read from a copy, also where it is not the host's only one. */
static void need_databases(struct confine_needs *needs, const char *root)
{
	bool rpm = false;

	packages_managers(root, note_rpm, &rpm);
	if (rpm)
		need_temporary(needs);
}

/* A system in a directory is read as a whole: only so a link of its own leads nowhere else. */
static void need_kernels(struct confine_needs *needs, const char *root)
{
	static const char *const places[] = {"/boot", "/lib/modules", "/usr/lib/modules",
		"/run/booted-system", "/run/current-system"};

	if (strcmp(root, "/") != 0)
		may_need(needs, root, CONFINE_READ);
	else
		confine_may_need_files(needs, places, ARRAY_SIZE(places), CONFINE_READ);
}

/* One that the user named, with what may be beside it. */
static void need_named_kernel(struct confine_needs *needs, const char *kernel,
	const char *modules, const struct architecture *architecture)
{
	CLEANUP_FREE char *tree = kernel_build_tree(kernel, architecture);
	const char *slash = strrchr(kernel, '/');
	CLEANUP_FREE char *beside =
		slash ? xstrndup(kernel, slash - kernel) : xstrdup(".");
	CLEANUP_FREE char *index = xasprintf("%s/modules.dep.bin", beside);

	may_need(needs, kernel, CONFINE_READ);
	may_need(needs, modules, CONFINE_READ);
	if (tree && !modules) {
		/* depmod is started, to make an index of its modules. */
		needs->starts_programs = needs->ends_programs = true;
		confine_may_need_own(needs, xstrdup("/usr"), CONFINE_EXECUTE);
		need_temporary(needs);
	}
	if (tree) {
		may_need(needs, tree, CONFINE_READ);
	} else if (access(index, F_OK) == 0) {
		may_need(needs, beside, CONFINE_READ);
	} else {
		may_need_in(needs, beside, "lib/modules", CONFINE_READ);
		may_need_in(needs, beside, "../lib/modules", CONFINE_READ);
		may_need_in(needs, beside, "modules", CONFINE_READ);
	}
}

/* A new output is made beside the old one, which is then removed. */
static void need_output(
	struct confine_needs *needs, const char *path, enum confine_access access)
{
	CLEANUP_FREE char *real = realpath(path, NULL);
	const char *output = real ? real : path;
	const char *slash = strrchr(output, '/');

	confine_may_need_own(needs,
		slash ? xstrndup(output, MAX(slash - output, 1)) : xstrdup("."), access);
	may_need(needs, output, access);
}

/* Tools of the distribution's, which need the network and may change their user. */
static void leave_to_tools(struct confine_needs *needs)
{
	for (enum confine_layer i = 0; i < CONFINE_LAYERS; i++)
		if (i != CONFINE_LIMITS)
			needs->without[i] = "the distribution's tools download packages";
	needs->max_memory = 0;
}

/* ---- The tasks ---- */

int confinement_of_task(const struct builder_task *task, int cache_fd,
	confine_report_fn *fn, void *data, struct error *err)
{
	const struct appliance_request *r = &task->request;
	CLEANUP(image_name_done) struct image_name image = {0};
	CLEANUP_FREE char *self = program_path(err);
	struct confine_needs needs;

	if (!self || (r->image && image_name_parse(r->image, &image, err) < 0))
		return -1;
	begin(&needs);
	needs.strict = r->strict;
	need_programs(&needs, self);
	if (cache_fd >= 0)
		confine_need_fd(&needs, cache_fd, CONFINE_CHANGE);
	else
		needs.max_seconds = LOOK_SECONDS;
	need_kernels(&needs, r->root);
	if (r->kernel)
		need_named_kernel(&needs, r->kernel, r->modules_dir, r->architecture);
	may_need(&needs, r->modules_dir, CONFINE_READ);
	may_need(&needs, image.path, CONFINE_READ);
	if (!r->image) {
		may_need(&needs, r->root, CONFINE_READ);
		need_databases(&needs, r->root);
	}
	return enforce(&needs, fn, data, err);
}

int confinement_of_assembly(const struct assembly *a, struct error *err)
{
	CLEANUP_FREE char *self = program_path(err);
	struct confine_needs needs;

	if (!self)
		return -1;
	begin(&needs);
	need_programs(&needs, self);
	/* Attributes that only root sees. */
	if (a->trees.len)
		needs.capabilities |= CAPABILITY(CAP_SYS_ADMIN);
	may_need(&needs, a->root, CONFINE_READ);
	vector_foreach (input, &a->inputs)
		may_need(&needs, *input, CONFINE_READ);
	vector_foreach (tree, &a->trees)
		may_need(&needs, *tree, CONFINE_READ);
	if (a->kernel)
		need_named_kernel(&needs, a->kernel, a->modules_dir, NULL);
	may_need(&needs, a->modules_dir, CONFINE_READ);
	need_databases(&needs, a->root);
	need_output(&needs, a->output,
		a->privileged ? CONFINE_CHANGE_AND_DEVICES : CONFINE_CHANGE);
	if (a->privileged)
		needs.capabilities |= CAPABILITY(CAP_MKNOD);
	may_need(&needs, a->spool_dir, CONFINE_MAKE_FILES);
	return enforce(&needs, NULL, NULL, err);
}

int confinement_of_mkfs(
	const struct mkfs_request *request, const char *directory, struct error *err)
{
	struct confine_needs needs;

	begin(&needs);
	vector_foreach (input, &request->inputs) {
		may_need(&needs, input->path, CONFINE_READ);
		/* Attributes that only root sees. */
		if (input->kind == MKFS_TREE)
			needs.capabilities |= CAPABILITY(CAP_SYS_ADMIN);
	}
	may_need(&needs, directory, CONFINE_MAKE_FILES);
	return enforce(&needs, NULL, NULL, err);
}

int confinement_of_prepare(const struct prepare_options *options, struct error *err)
{
	struct confine_needs needs;

	begin(&needs);
	may_need(&needs, options->root, CONFINE_READ);
	need_databases(&needs, options->root);
	need_output(&needs, options->output, CONFINE_CHANGE);
	if (!options->use_installed)
		leave_to_tools(&needs);
	return enforce(&needs, NULL, NULL, err);
}
