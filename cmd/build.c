/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin build: an appliance as a directory, to be run elsewhere or kept. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assemble.h"
#include "commands.h"
#include "interrupt.h"
#include "settings.h"

struct build {
	struct hypermin *vm;
	struct command_log log;
	const char *output;
	/* Of either form; the other settings of the host's form are in vm. */
	const char *kernel, *modules_dir;
	/* The name of an option that goes with one form only, if one is given. */
	const char *without_inputs, *with_inputs;
	/* Write a snapshot, too; and an option that goes only with that, if one is given. */
	bool warm;
	const char *with_warm;
	/* Of the form with inputs. */
	struct hypermin_assembly assembly;
	struct option_list trees;
};

#define AT(member) offsetof(struct build, member)

static const struct option_row general_rows[] = {
	{OPTION_TEXT, "output", 'o', "DIR",
		"where to write: a new or empty directory, or an older appliance",
		AT(output)},
	{OPTION_TEXT, "kernel", 0, "FILE",
		"boot this kernel; default: the newest that fits", AT(kernel)},
	{OPTION_TEXT, "modules", 0, "DIR", "its modules; default /lib/modules/VERSION",
		AT(modules_dir)},
	{OPTION_COUNT, "verbose", 'v', NULL, "say what is chosen", AT(log.verbose)},
	{0},
};

static const struct option_row warm_rows[] = {
	{OPTION_FLAG, "warm", 0, NULL,
		"write a snapshot of the booted VM, too, for any x86-64 machine with this qemu",
		AT(warm)},
	{0},
};

static const struct option_row tree_rows[] = {
	{OPTION_LIST, "tree", 0, "DIR", "put this directory in as it is", AT(trees)},
	{0},
};

static const struct option_row input_rows[] = {
	{OPTION_CHOICE, "format", 'f', "ext2|chroot",
		"a disk image (default) or the bare tree", AT(assembly.format)},
	{OPTION_SIZE, "size", 0, "N[bKMGT]", "size of the disk image; default 4G",
		AT(assembly.image_size)},
	{OPTION_FLAG, "copy-kernel", 0, NULL, "copy the kernel instead of linking to it",
		AT(assembly.copy_kernel)},
	{OPTION_FLAG, "if-newer", 0, NULL,
		"build only if anything that goes in has changed", AT(assembly.if_newer)},
	{OPTION_FLAG, "package-list", 0, NULL,
		"put a list of the packages in: /packagelist", AT(assembly.package_list)},
	{OPTION_FLAG, "privileged", 0, NULL,
		"in a tree: keep devices, and archives' setuid bits",
		AT(assembly.privileged)},
	{OPTION_TEXT, "lock", 0, "FILE",
		"of several builds with this file, run one at a time",
		AT(assembly.lock_file)},
	{0},
};

#define HOST   "Without an INPUT"
#define WARM   "With --warm, what later runs have by default"
#define INPUTS "With INPUTs"

static const struct option_group groups[] = {
	{NULL, general_rows},
	{HOST, settings_package, AT(vm), AT(without_inputs)},
	{HOST, settings_root, AT(vm), AT(without_inputs)},
	{HOST, settings_image, AT(vm), AT(without_inputs)},
	{HOST, settings_cache_dir, AT(vm), AT(without_inputs)},
	{HOST, warm_rows, .mark = AT(without_inputs)},
	{WARM, settings_size, AT(vm), AT(with_warm)},
	{INPUTS, tree_rows},
	{INPUTS, input_rows, .mark = AT(with_inputs)},
	{0},
};

static const struct options options = {
	.command = "hypermin build",
	.usage =
		"Usage: hypermin build [OPTION…] -o DIR\n"
		"       hypermin build [OPTION…] -o DIR INPUT…\n"
		"\n"
		"Without an INPUT: write an appliance made from this host to DIR: kernel, initrd, root and\n"
		"manifest.json. `hypermin run --appliance DIR` boots it, also on a machine that has no\n"
		"packages and no kernel.\n"
		"\n"
		"With INPUTs: write an appliance of what they name, for a launcher of its own. An INPUT is\n"
		"a list of packages, of files of the host, or of files to leave out; an archive; or a\n"
		"directory of these.",
	.groups = groups,
	.words = WORDS_MIXED,
};

/* ---- From this host ---- */

static int build(struct build *o)
{
	interrupt_by_signals(o->vm);
	if ((!o->kernel || hypermin_set(o->vm, "kernel", o->kernel) == 0) &&
		(!o->modules_dir ||
			hypermin_set(o->vm, "modules", o->modules_dir) == 0) &&
		(o->warm ? hypermin_export_warm : hypermin_export)(o->vm, o->output) == 0)
		return 0;
	if (interrupt_signal())
		return HYPERMIN_STATUS_KILLED + interrupt_signal();
	options_complain("%s", hypermin_error(o->vm));
	return EXIT_OURS;
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

/* The output replaces what is there with all that is in it, so that has to look like an
 * older one. A tree may look like anything. */
static int check_output(const struct build *o)
{
	DIR *dir = o->assembly.format == HYPERMIN_FORMAT_EXT2 ? opendir(o->output) : NULL;
	const struct dirent *entry;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)) && is_part(entry->d_name))
		;
	if (entry)
		options_complain(
			"'%s' is not an appliance that could be replaced: it has a '%s' in "
			"it; name another directory",
			o->output, entry->d_name);
	closedir(dir);
	return entry ? -1 : 0;
}

static int build_from_inputs(struct build *o, const char *const *inputs)
{
	const char *tmpdir = getenv("TMPDIR");

	o->assembly.inputs = inputs;
	o->assembly.trees = o->trees.items;
	o->assembly.output = o->output;
	o->assembly.kernel = o->kernel;
	o->assembly.modules_dir = o->modules_dir;
	o->assembly.spool_dir = tmpdir && *tmpdir ? tmpdir : NULL;
	if (check_output(o) < 0 ||
		assemble_take_epoch(&o->assembly, "hypermin build") < 0)
		return EXIT_OURS;
	return assemble_run(&o->assembly, "hypermin build", NULL) < 0 ? EXIT_OURS : 0;
}

static int choose_form(struct build *o, int n_inputs, char **inputs)
{
	bool from_inputs = n_inputs || o->trees.len;

	if (!o->output)
		options_complain("no output is given; use -o DIR");
	else if (from_inputs && o->without_inputs)
		options_complain(
			"--%s does not go with an INPUT or --tree: name packages "
			"in an input",
			o->without_inputs);
	else if (!from_inputs && o->with_inputs)
		options_complain("--%s goes with an INPUT or --tree", o->with_inputs);
	else if (!o->warm && o->with_warm)
		options_complain("--%s goes with --warm", o->with_warm);
	else if (from_inputs)
		return build_from_inputs(o, (const char *const *)inputs);
	else
		return build(o);
	return EXIT_OURS;
}

int command_build(int argc, char **argv)
{
	struct build o = {.vm = hypermin_new(), .assembly = HYPERMIN_ASSEMBLY_INIT};
	int status = EXIT_OURS;

	int first = options_parse(&options, argc, argv, &o);
	command_log_start(&o.log);
	if (first == OPTIONS_HELPED)
		status = 0;
	else if (first > 0)
		status = choose_form(&o, argc - first, argv + first);
	free(o.trees.items);
	interrupt_release();
	hypermin_free(o.vm);
	return status;
}
