/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin build: an appliance as a directory, to be run elsewhere or kept. */
#include <dirent.h>
#include <hypermin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assemble.h"
#include "commands.h"
#include "interrupt.h"
#include "options.h"

static const char usage[] =
	"Usage: hypermin build [OPTION…] -o DIR\n"
	"       hypermin build [OPTION…] -o DIR INPUT…\n"
	"\n"
	"Without an INPUT: write an appliance made from this host to DIR: kernel, initrd, root and\n"
	"manifest.json. It runs with `hypermin run --appliance DIR`, also on a machine that has no packages\n"
	"and no kernel.\n"
	"\n"
	"With INPUTs (lists of packages, of the host's files, of what to leave out; archives; directories of\n"
	"such): write an appliance of what they say, which a launcher of its own boots.";

struct build_options {
	struct hypermin *vm;
	const char *output, *kernel, *modules_dir;
	bool verbose;
	/* Options that go with one form alone, or NULL. */
	const char *without_inputs, *with_inputs;
	struct hypermin_assembly assembly;
	const char **trees;
	size_t n_trees;
};

static int refused(const struct build_options *o)
{
	return options_complain("%s", hypermin_error(o->vm));
}

static int take_output(void *target, const char *value)
{
	struct build_options *o = target;
	o->output = value;
	return 0;
}

static int take_package(void *target, const char *value)
{
	struct build_options *o = target;
	o->without_inputs = "--package";
	return hypermin_add_package(o->vm, value) < 0 ? refused(o) : 0;
}

static int take_root(void *target, const char *value)
{
	struct build_options *o = target;
	o->without_inputs = "--root";
	return hypermin_set_root(o->vm, value) < 0 ? refused(o) : 0;
}

static int take_kernel(void *target, const char *value)
{
	struct build_options *o = target;
	o->kernel = value;
	return 0;
}

static int take_modules(void *target, const char *value)
{
	struct build_options *o = target;
	o->modules_dir = value;
	return 0;
}

static int take_cache_dir(void *target, const char *value)
{
	struct build_options *o = target;
	o->without_inputs = "--cache-dir";
	return hypermin_set_cache_dir(o->vm, value) < 0 ? refused(o) : 0;
}

/* ---- Options that go with inputs ---- */

static int take_format(void *target, const char *value)
{
	struct build_options *o = target;

	o->with_inputs = "--format";
	if (strcmp(value, "ext2") == 0)
		o->assembly.format = HYPERMIN_FORMAT_EXT2;
	else if (strcmp(value, "chroot") == 0)
		o->assembly.format = HYPERMIN_FORMAT_CHROOT;
	else
		return options_complain("--format is ext2 or chroot, not '%s'", value);
	return 0;
}

static int take_size(void *target, const char *value)
{
	struct build_options *o = target;
	o->with_inputs = "--size";
	return options_size("size", value, &o->assembly.image_size);
}

static int take_tree(void *target, const char *value)
{
	struct build_options *o = target;

	o->trees = reallocarray(o->trees, o->n_trees + 2, sizeof(o->trees[0]));
	if (!o->trees)
		abort();
	o->trees[o->n_trees++] = value;
	o->trees[o->n_trees] = NULL;
	return 0;
}

static int take_copy_kernel(void *target, const char *value)
{
	struct build_options *o = target;

	(void)value;
	o->with_inputs = "--copy-kernel";
	o->assembly.copy_kernel = true;
	return 0;
}

static int take_if_newer(void *target, const char *value)
{
	struct build_options *o = target;

	(void)value;
	o->with_inputs = "--if-newer";
	o->assembly.if_newer = true;
	return 0;
}

static int take_package_list(void *target, const char *value)
{
	struct build_options *o = target;

	(void)value;
	o->with_inputs = "--package-list";
	o->assembly.package_list = true;
	return 0;
}

static int take_lock(void *target, const char *value)
{
	struct build_options *o = target;
	o->with_inputs = "--lock";
	o->assembly.lock_file = value;
	return 0;
}

static void print_log(enum hypermin_log_level level, const char *line, void *data)
{
	const struct build_options *o = data;

	if (level != HYPERMIN_LOG_NOTICE || o->verbose || isatty(STDERR_FILENO))
		fprintf(stderr, "hypermin: %s\n", line);
}

static int take_verbose(void *target, const char *value)
{
	struct build_options *o = target;

	(void)value;
	o->verbose = true;
	hypermin_set_log(print_log, o, HYPERMIN_LOG_INFO);
	return 0;
}

static const struct option_row table[] = {
	{"output", 'o', "DIR", "where to: new, empty, or an appliance to be replaced",
		take_output},
	{"package", 'p', "NAME", "have this package of the host in it, too",
		take_package},
	{"root", 0, "DIR", "of the system installed in DIR, not of this machine",
		take_root},
	{"kernel", 0, "FILE", "with this kernel", take_kernel},
	{"modules", 0, "DIR", "its modules; default /lib/modules/VERSION", take_modules},
	{"cache-dir", 0, "DIR", "default $XDG_CACHE_HOME/hypermin", take_cache_dir},
	{"format", 'f', "ext2|chroot",
		"of an appliance from inputs: a disk image (default) or the bare tree",
		take_format},
	{"size", 0, "SIZE", "of its disk image: N with b, K, M, G or T; default 4G",
		take_size},
	{"tree", 0, "DIR", "put this directory in as it is", take_tree},
	{"copy-kernel", 0, NULL, "copy the kernel instead of symlinking",
		take_copy_kernel},
	{"if-newer", 0, NULL, "only build if anything that goes in has changed",
		take_if_newer},
	{"package-list", 0, NULL, "put a list of its packages into it: /packagelist",
		take_package_list},
	{"lock", 0, "FILE", "of several builds with this file, one at a time", take_lock},
	{"verbose", 'v', NULL, "say what was chosen", take_verbose},
	{0},
};

/* ---- From this host ---- */

static int build(struct build_options *o)
{
	if (o->modules_dir && !o->kernel)
		return options_complain("--modules goes with --kernel"), EXIT_OURS;
	interrupt_by_signals(o->vm);
	if ((!o->kernel || hypermin_set_kernel(o->vm, o->kernel, o->modules_dir) == 0) &&
		hypermin_export(o->vm, o->output) == 0)
		return 0;
	if (interrupt_signal())
		return HYPERMIN_STATUS_KILLED + interrupt_signal();
	return refused(o), EXIT_OURS;
}

/* ---- From inputs ---- */

static bool is_part(const char *name)
{
	static const char *const parts[] = {
		".", "..", "kernel", "initrd", "root", ".hypermin-stamp"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcmp(name, parts[i]) == 0)
			return true;
	return false;
}

/* What is there is removed with all that is in it: so it has to look like an older one. A
 * tree may look like anything. */
static int check_output(const struct build_options *o)
{
	DIR *dir = o->assembly.format == HYPERMIN_FORMAT_EXT2 ? opendir(o->output) : NULL;
	const struct dirent *entry;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)) && is_part(entry->d_name))
		;
	if (entry)
		options_complain(
			"'%s' is no appliance that could be replaced: there is a '%s' "
			"in it; name another directory",
			o->output, entry->d_name);
	closedir(dir);
	return entry ? -1 : 0;
}

static int build_from_inputs(struct build_options *o, const char *const *inputs)
{
	const char *tmpdir = getenv("TMPDIR");

	o->assembly.inputs = inputs;
	o->assembly.trees = o->trees;
	o->assembly.output = o->output;
	o->assembly.kernel = o->kernel;
	o->assembly.modules_dir = o->modules_dir;
	o->assembly.spool_dir = tmpdir && *tmpdir ? tmpdir : NULL;
	if (check_output(o) < 0 ||
		assemble_take_epoch(&o->assembly, "hypermin build") < 0)
		return EXIT_OURS;
	return assemble_run(&o->assembly, "hypermin build", NULL) < 0 ? EXIT_OURS : 0;
}

static int choose_form(struct build_options *o, int n_inputs, char **inputs)
{
	bool from_inputs = n_inputs || o->n_trees;

	if (!o->output)
		options_complain("it needs -o DIR, the directory to write to");
	else if (from_inputs && o->without_inputs)
		options_complain(
			"%s does not go with an INPUT or --tree: name packages in "
			"an input",
			o->without_inputs);
	else if (!from_inputs && o->with_inputs)
		options_complain("%s goes with an INPUT or --tree", o->with_inputs);
	else if (from_inputs)
		return build_from_inputs(o, (const char *const *)inputs);
	else
		return build(o);
	return EXIT_OURS;
}

int command_build(int argc, char **argv)
{
	struct build_options o = {
		.vm = hypermin_new(), .assembly = HYPERMIN_ASSEMBLY_INIT};
	int status = EXIT_OURS;

	hypermin_set_log(print_log, &o, HYPERMIN_LOG_NOTICE);
	int first = options_parse("build", usage, table, argc, argv, &o);
	if (first == 0)
		status = 0;
	else if (first > 0)
		status = choose_form(&o, argc - first, argv + first);
	free(o.trees);
	interrupt_release();
	hypermin_free(o.vm);
	return status;
}
