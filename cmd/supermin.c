/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * supermin's command line, for the programs that call it by that name: libguestfs, and
 * what is built on it. Options and inputs may be mixed. Exit status 2 is for a command
 * line that can't be parsed, 1 for all other failures. The messages of -v go to standard
 * output.
 */
#include <errno.h>
#include <hypermin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "assemble.h"
#include "base/quantity.h"
#include "commands.h"
#include "options/options.h"

/* The version whose command line this is; callers compare the second word. */
#define SUPERMIN_VERSION "5.3.4"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum mode { MODE_NONE, MODE_BUILD, MODE_PREPARE, MODE_LIST_DRIVERS };

struct supermin {
	enum mode mode;
	int verbose;
	bool have_format;
	struct hypermin_assembly assembly;
	bool use_installed;
	const char *packager_config;
	/* Inputs or packages, NULL-terminated. */
	const char *const *words;
	size_t n_words;
};

static void print_log(enum hypermin_log_level level, const char *line, void *data)
{
	const struct supermin *s = data;

	if (level == HYPERMIN_LOG_WARNING)
		fprintf(stderr, "supermin: warning: %s\n", line);
	else if (s->verbose)
		printf("supermin: %s\n", line);
}

/* ---- Options ---- */

/* What a take function returns: the command line can be parsed, so the status is not
 * EXIT_USAGE. */
#define REFUSED (-2)

static int take_mode(const struct option_row *row, void *target, const char *value)
{
	struct supermin *s = target;

	(void)value;
	if (s->mode != MODE_NONE) {
		options_complain("you must use --prepare or --build to select the mode");
		return REFUSED;
	}
	s->mode = strcmp(row->name, "build") == 0 ? MODE_BUILD : MODE_PREPARE;
	return 0;
}

static int take_list_drivers(
	const struct option_row *row, void *target, const char *value)
{
	struct supermin *s = target;

	(void)row;
	(void)value;
	s->mode = MODE_LIST_DRIVERS;
	return 0;
}

static int take_format(const struct option_row *row, void *target, const char *value)
{
	struct supermin *s = target;
	bool is_ext2 = strcmp(value, "ext2") == 0;

	(void)row;
	if (!is_ext2 && strcmp(value, "chroot") != 0 && strcmp(value, "fs") != 0 &&
		strcmp(value, "filesystem") != 0) {
		options_complain("unknown --format option (%s)", value);
		return REFUSED;
	}
	s->assembly.format = is_ext2 ? HYPERMIN_FORMAT_EXT2 : HYPERMIN_FORMAT_CHROOT;
	s->have_format = true;
	return 0;
}

/* A number and a unit, which supermin insists on. */
static int take_size(const struct option_row *row, void *target, const char *value)
{
	struct supermin *s = target;

	(void)row;
	if (strchr("bKMGT", value[strlen(value) - 1]) &&
		quantity_parse_size(value, "bKMGT", &s->assembly.image_size))
		return 0;
	options_complain("cannot parse size field '%s'", value);
	return REFUSED;
}

static int take_version(const struct option_row *row, void *target, const char *value)
{
	(void)row;
	(void)target;
	(void)value;
	printf("supermin " SUPERMIN_VERSION " (hypermin %s)\n", hypermin_version());
	exit(fflush(stdout) ? EXIT_FAILED : 0);
}

#define AT(member) offsetof(struct supermin, member)

static const struct option_row rows[] = {
	{OPTION_CALL, "build", 0, NULL, "build an appliance from the inputs",
		.take = take_mode},
	{OPTION_FLAG, "copy-kernel", 0, NULL, "copy the kernel instead of linking to it",
		AT(assembly.copy_kernel)},
	{OPTION_CALL, "format", 'f', "chroot|ext2", "output format", .take = take_format},
	{OPTION_TEXT, "host-cpu", 0, "ARCH", "prefer kernels for this CPU",
		AT(assembly.cpu)},
	{OPTION_FLAG, "if-newer", 0, NULL, "only build if needed", AT(assembly.if_newer)},
	{OPTION_FLAG, "include-packagelist", 0, NULL,
		"add a file with the list of packages", AT(assembly.package_list)},
	{OPTION_CALL, "list-drivers", 0, NULL,
		"list the package managers, and which are found here",
		.take = take_list_drivers},
	{OPTION_TEXT, "lock", 0, "LOCKFILE", "use a lock file", AT(assembly.lock_file)},
	{OPTION_TEXT, "output", 'o', "OUTPUTDIR", "output directory",
		AT(assembly.output)},
	{OPTION_TEXT, "packager-config", 0, "CONFIGFILE",
		"configuration of the tool that downloads packages", AT(packager_config)},
	{OPTION_CALL, "prepare", 0, NULL, "list packages and collect their configuration",
		.take = take_mode},
	{OPTION_CALL, "size", 0, "N[bKMGT]", "size of the ext2 file system",
		.take = take_size},
	{OPTION_FLAG, "use-installed", 0, NULL, "take configuration from this system",
		AT(use_installed)},
	{OPTION_COUNT, "verbose", 'v', NULL, "say what is done; up to three times",
		AT(verbose)},
	{OPTION_CALL, "version", 'V', NULL, "print the version and exit",
		.take = take_version},
	{0},
};

static const struct option_group groups[] = {{NULL, rows}, {0}};

static const struct options options = {
	.command = "supermin",
	.usage = "Usage: supermin --prepare [OPTION…] PACKAGE… -o OUTPUTDIR\n"
		 "       supermin --build [OPTION…] INPUT… -o OUTPUTDIR\n"
		 "\n"
		 "This is hypermin under supermin's name: see hypermin-prepare(1) and\n"
		 "hypermin-build(1).",
	.groups = groups,
	.words = WORDS_MIXED,
};

/* ---- What is asked for ---- */

/* What is wrong with the options together, or NULL. */
static const char *find_fault(const struct supermin *s)
{
	if (s->mode == MODE_NONE)
		return "you must use --prepare or --build to select the mode";
	if (s->mode == MODE_PREPARE && s->have_format)
		return "cannot use --prepare and --format options together";
	if (s->mode == MODE_BUILD && !s->have_format)
		return "when using --build, you must specify an output --format";
	if (!s->assembly.output)
		return "output directory (-o option) must be supplied";
	if (!s->n_words)
		return s->mode == MODE_BUILD
			? "build: no input supermin appliance specified"
			: "prepare: no input packages specified";
	if (s->assembly.spool_dir && s->assembly.spool_dir[0] != '/')
		return "error: environment variable $TMPDIR must be an absolute path";
	return NULL;
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

static int build(struct supermin *s)
{
	struct utsname host;
	bool made;

	if (assemble_take_epoch(&s->assembly, "supermin") < 0)
		return EXIT_FAILED;
	if (!s->assembly.cpu && uname(&host) == 0)
		s->assembly.cpu = host.machine;
	s->assembly.inputs = s->words;
	if (s->verbose)
		printf("supermin: version: %s\n", SUPERMIN_VERSION);
	if (assemble_run(&s->assembly, "supermin", &made) < 0)
		return EXIT_FAILED;
	if (!made && s->verbose)
		puts("supermin: if-newer: output does not need rebuilding");
	if (fflush(stdout) == 0)
		return 0;
	options_complain("standard output: %s", strerror(errno));
	return EXIT_FAILED;
}

/* Preparing is the builder program's; this process becomes it. It says why it fails. */
static int prepare(const struct supermin *s)
{
	struct option_list words = {0};

	options_list_add(&words, "prepare");
	options_list_add(&words, "--messages-of=supermin");
	if (s->mode == MODE_LIST_DRIVERS) {
		options_list_add(&words, "--list-managers");
	} else {
		options_list_add(&words, "--output");
		options_list_add(&words, s->assembly.output);
	}
	if (s->use_installed)
		options_list_add(&words, "--use-installed");
	if (s->packager_config) {
		options_list_add(&words, "--packager-config");
		options_list_add(&words, s->packager_config);
	}
	for (int i = 0; i < s->verbose; i++)
		options_list_add(&words, "--verbose");
	options_list_add(&words, "--");
	for (size_t i = 0; i < s->n_words; i++)
		options_list_add(&words, s->words[i]);
	command_by_builder(words.len, (char **)words.items);
	free(words.items);
	return EXIT_FAILED;
}

int supermin_main(int argc, char **argv)
{
	struct supermin s = {.assembly = HYPERMIN_ASSEMBLY_INIT};

	/* Its own spelling. */
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "-help") == 0)
			argv[i] = (char *)"--help";
	int first = options_parse(&options, argc, argv, &s);
	if (first == OPTIONS_HELPED)
		return fflush(stdout) ? EXIT_FAILED : 0;
	if (first < 0)
		return first == REFUSED ? EXIT_FAILED : EXIT_USAGE;
	hypermin_set_log(print_log, &s,
		s.verbose > 1	    ? HYPERMIN_LOG_DEBUG
			: s.verbose ? HYPERMIN_LOG_INFO
				    : HYPERMIN_LOG_WARNING);
	s.words = (const char *const *)argv + first;
	s.n_words = argc - first;
	if (s.mode == MODE_LIST_DRIVERS)
		return prepare(&s);
	s.assembly.kernel = environment("SUPERMIN_KERNEL");
	s.assembly.kernel_version = environment("SUPERMIN_KERNEL_VERSION");
	s.assembly.modules_dir = environment("SUPERMIN_MODULES");
	s.assembly.spool_dir = environment("TMPDIR");
	const char *fault = find_fault(&s);
	if (fault) {
		options_complain("%s", fault);
		return EXIT_FAILED;
	}
	return s.mode == MODE_BUILD ? build(&s) : prepare(&s);
}
