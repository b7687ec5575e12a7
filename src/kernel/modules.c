/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The modules to load, in order. A walk in depth: what a module needs comes out before
 * it, each once. Soft dependencies are followed too. In an initrd nothing answers the
 * kernel's requests for further modules, so what is missing then (ext4's checksum, say)
 * fails without a word.
 */
#include <string.h>

#include "base/path.h"
#include "base/strmap.h"
#include "kernel/kernel.h"
#include "kernel/modules-dir.h"

struct closure {
	const char *dir, *within;
	char *dependencies;
	struct kmod_ctx *ctx;
	/* Its keys are the names of the modules in `visited`. */
	struct strmap seen;
	VECTOR(struct kmod_module *) visited;
	struct kernel_modules modules;
};

static void closure_done(struct closure *c)
{
	free(c->dependencies);
	vector_foreach (mod, &c->visited)
		kmod_module_unref(*mod);
	vector_done(&c->visited);
	strmap_done(&c->seen);
	kernel_modules_done(&c->modules);
	cleanup_kmod(&c->ctx);
}

static int visit(struct closure *c, struct kmod_module *mod, struct error *err);

static int visit_list(struct closure *c, const struct kmod_list *list, struct error *err)
{
	const struct kmod_list *item;

	kmod_list_foreach(item, list)
	{
		struct kmod_module *mod = kmod_module_get_module(item);
		int r = visit(c, mod, err);
		kmod_module_unref(mod);
		if (r < 0)
			return -1;
	}
	return 0;
}

static int add_module(struct closure *c, const struct kmod_module *mod, struct error *err)
{
	const char *name = kmod_module_get_name(mod);
	const char *path = kmod_module_get_path(mod);

	if (!path)
		return error_set(err, 0, "module '%s' has no file in the index", name);
	if (modules_dir_check_dependencies(c->dir, c->dependencies, path, err) < 0)
		return -1;
	if (c->within && path_check_within(c->within, path, err) < 0)
		return -1;
	vector_push(&c->modules, (struct kernel_module){xstrdup(name), xstrdup(path)});
	return 0;
}

static int visit(struct closure *c, struct kmod_module *mod, struct error *err)
{
	CLEANUP_KMOD_LIST struct kmod_list *before = NULL;
	CLEANUP_KMOD_LIST struct kmod_list *after = NULL;
	const char *name = kmod_module_get_name(mod);

	if (strmap_get(&c->seen, name))
		return 0;
	vector_push(&c->visited, kmod_module_ref(mod));
	strmap_put(&c->seen, name, mod);
	/* The other states are about the running kernel, which need not be this one. */
	if (kmod_module_get_initstate(mod) == KMOD_MODULE_BUILTIN)
		return 0;

	CLEANUP_KMOD_LIST struct kmod_list *needed = kmod_module_get_dependencies(mod);
	kmod_module_get_softdeps(mod, &before, &after);
	if (visit_list(c, before, err) < 0 || visit_list(c, needed, err) < 0 ||
		add_module(c, mod, err) < 0)
		return -1;
	return visit_list(c, after, err);
}

static int visit_name(struct closure *c, const char *name, struct error *err)
{
	bool optional = name[0] == '?';
	CLEANUP_KMOD_LIST struct kmod_list *list =
		modules_dir_lookup(c->ctx, name + optional);

	if (list && modules_dir_check_files(c->dir, c->within, list, err) < 0)
		return -1;
	if (!list)
		return optional
			? 0
			: error_set(err, 0, "there is no module '%s', nor is it built in",
				  name);
	return visit_list(c, list, err);
}

int kernel_modules_closure(const struct kernel *k, const char *const *names,
	struct kernel_modules *ret, struct error *err)
{
	CLEANUP(closure_done)
	struct closure c = {.dir = k->modules_dir, .within = k->within};

	if (modules_dir_open(k->modules_dir, k->within, &c.ctx, err) < 0)
		return error_prefix(err, "kernel %s", k->version);
	c.dependencies = modules_dir_read_dependencies(c.dir);
	for (; *names; names++)
		if (visit_name(&c, *names, err) < 0)
			return error_prefix(err, "kernel %s", k->version);
	*ret = c.modules;
	c.modules = (struct kernel_modules){0};
	return 0;
}

void kernel_modules_done(struct kernel_modules *m)
{
	vector_foreach (mod, m) {
		free(mod->name);
		free(mod->path);
	}
	vector_done(m);
}
