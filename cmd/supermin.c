/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * supermin's command line, for the programs that call it by that name: libguestfs, and
 * what stands on it. Options and inputs may be mixed. Exit status 2 is for a command line
 * that makes no sense, 1 for all other failures. What -v asks for goes to standard
 * output.
 */
#include <errno.h>
#include <hypermin.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "assemble.h"
#include "commands.h"
#include "options.h"

/* The version whose command line this is; callers compare the second word. */
#define SUPERMIN_VERSION "5.3.4"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum mode { MODE_NONE, MODE_BUILD, MODE_PREPARE, MODE_LIST_DRIVERS };

struct supermin {
	enum mode mode;
	unsigned verbose;
	bool have_format;
	struct hypermin_assembly assembly;
	bool use_installed;
	const char *packager_config;
	const char **inputs; /* or packages */
	size_t n_inputs;
};

/* ---- Messages ---- */

static int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int complain(const char *fmt, ...)
{
	va_list ap;

	fputs("supermin: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_FAILED;
}

static void print_log(enum hypermin_log_level level, const char *line, void *data)
{
	const struct supermin *s = data;

	if (level == HYPERMIN_LOG_WARNING)
		fprintf(stderr, "supermin: warning: %s\n", line);
	else if (s->verbose)
		printf("supermin: %s\n", line);
}

/* ---- Options ---- */

static int set_mode(struct supermin *s, enum mode mode)
{
	if (s->mode != MODE_NONE)
		return complain("you must use --prepare or --build to select the mode");
	s->mode = mode;
	return 0;
}

static int take_build(struct supermin *s, const char *value)
{
	(void)value;
	return set_mode(s, MODE_BUILD);
}

static int take_prepare(struct supermin *s, const char *value)
{
	(void)value;
	return set_mode(s, MODE_PREPARE);
}

static int take_list_drivers(struct supermin *s, const char *value)
{
	(void)value;
	s->mode = MODE_LIST_DRIVERS;
	return 0;
}

static int take_format(struct supermin *s, const char *value)
{
	static const struct {
		const char *name;
		enum hypermin_format format;
	} formats[] = {
		{"ext2", HYPERMIN_FORMAT_EXT2},
		{"chroot", HYPERMIN_FORMAT_CHROOT},
		{"fs", HYPERMIN_FORMAT_CHROOT},
		{"filesystem", HYPERMIN_FORMAT_CHROOT},
	};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(value, formats[i].name) == 0) {
			s->assembly.format = formats[i].format;
			s->have_format = true;
			return 0;
		}
	return complain("unknown --format option (%s)", value);
}

/* A number and a unit, which has to be there. */
static int take_size(struct supermin *s, const char *value)
{
	size_t len = strlen(value);

	if (len < 2 || !strchr("bKMGT", value[len - 1]) ||
		options_parse_size(value, &s->assembly.image_size) < 0)
		return complain("cannot parse size field '%s'", value);
	return 0;
}

static int take_copy_kernel(struct supermin *s, const char *value)
{
	(void)value;
	s->assembly.copy_kernel = true;
	return 0;
}

static int take_host_cpu(struct supermin *s, const char *value)
{
	s->assembly.cpu = value;
	return 0;
}

static int take_if_newer(struct supermin *s, const char *value)
{
	(void)value;
	s->assembly.if_newer = true;
	return 0;
}

static int take_package_list(struct supermin *s, const char *value)
{
	(void)value;
	s->assembly.package_list = true;
	return 0;
}

static int take_lock(struct supermin *s, const char *value)
{
	s->assembly.lock_file = value;
	return 0;
}

static int take_output(struct supermin *s, const char *value)
{
	s->assembly.output = value;
	return 0;
}

static int take_use_installed(struct supermin *s, const char *value)
{
	(void)value;
	s->use_installed = true;
	return 0;
}

static int take_packager_config(struct supermin *s, const char *value)
{
	s->packager_config = value;
	return 0;
}

static int take_verbose(struct supermin *s, const char *value)
{
	(void)value;
	s->verbose++;
	return 0;
}

static int take_version(struct supermin *s, const char *value)
{
	(void)s;
	(void)value;
	printf("supermin " SUPERMIN_VERSION " (hypermin %s)\n", hypermin_version());
	exit(fflush(stdout) ? EXIT_FAILED : 0);
}

static int take_help(struct supermin *s, const char *value);

/* A row without help is another name of the one before it, or not for anyone new. */
static const struct row {
	const char *name;
	const char *value;
	int (*take)(struct supermin *s, const char *value);
	const char *help;
} rows[] = {
	{"--build", NULL, take_build, "build a full appliance from the inputs"},
	{"--copy-kernel", NULL, take_copy_kernel,
		"copy the kernel instead of symlinking"},
	{"--format", "chroot|ext2", take_format, "output format"},
	{"-f", "chroot|ext2", take_format, NULL},
	{"--host-cpu", "ARCH", take_host_cpu, "prefer kernels for this CPU"},
	{"--if-newer", NULL, take_if_newer, "only build if needed"},
	{"--include-packagelist", NULL, take_package_list,
		"add a file with the list of packages"},
	{"--list-drivers", NULL, take_list_drivers,
		"list the package managers, and which are found here"},
	{"--lock", "LOCKFILE", take_lock, "use a lock file"},
	{"-o", "OUTPUTDIR", take_output, "output directory"},
	{"--packager-config", "CONFIGFILE", take_packager_config,
		"configuration of the tool that downloads packages"},
	{"--prepare", NULL, take_prepare,
		"list packages and collect their configuration"},
	{"--size", "N[bKMGT]", take_size, "size of the ext2 file system"},
	{"--use-installed", NULL, take_use_installed,
		"take configuration from this system"},
	{"--verbose", NULL, take_verbose, "say what is done; up to three times"},
	{"-v", NULL, take_verbose, NULL},
	{"--version", NULL, take_version, "print the version and exit"},
	{"-V", NULL, take_version, NULL},
	{"--help", NULL, take_help, "print this help and exit"},
	{"-help", NULL, take_help, NULL},
};

static void print_usage(FILE *out)
{
	fputs("Usage: supermin --prepare [OPTION…] PACKAGE… -o OUTPUTDIR\n"
	      "       supermin --build [OPTION…] INPUT… -o OUTPUTDIR\n"
	      "\n"
	      "This is hypermin, answering to supermin's name: see hypermin-prepare(1) and\n"
	      "hypermin-build(1).\n"
	      "\n"
	      "Options:\n",
		out);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		char left[60];
		snprintf(left, sizeof(left), "%s%s%s", r->name, r->value ? " " : "",
			r->value ? r->value : "");
		if (r->help)
			fprintf(out, "  %-26s %s\n", left, r->help);
	}
}

static int take_help(struct supermin *s, const char *value)
{
	(void)s;
	(void)value;
	print_usage(stdout);
	exit(fflush(stdout) ? EXIT_FAILED : 0);
}

static int misuse(const char *option, const char *problem)
{
	fprintf(stderr, "supermin: option '%s' %s\n", option, problem);
	print_usage(stderr);
	return EXIT_USAGE;
}

/* --name or --name=value; *ret_value is what follows the '='. */
static const struct row *find_row(const char *word, const char **ret_value)
{
	size_t len = strcspn(word, "=");

	*ret_value = word[len] ? word + len + 1 : NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strlen(rows[i].name) == len && memcmp(rows[i].name, word, len) == 0)
			return &rows[i];
	return NULL;
}

static int parse(int argc, char **argv, struct supermin *s)
{
	for (int i = 1; i < argc; i++) {
		const char *value;
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			s->inputs[s->n_inputs++] = argv[i];
			continue;
		}
		const struct row *row = find_row(argv[i], &value);
		if (!row || (value && !row->value))
			return misuse(argv[i], "is unknown");
		if (row->value && !value && i + 1 == argc)
			return misuse(argv[i], "needs an argument");
		if (row->value && !value)
			value = argv[++i];
		int status = row->take(s, value);
		if (status)
			return status;
	}
	return 0;
}

/* ---- What is asked for ---- */

static int check(const struct supermin *s)
{
	if (s->mode == MODE_NONE)
		return complain("you must use --prepare or --build to select the mode");
	if (s->mode == MODE_PREPARE && s->have_format)
		return complain("cannot use --prepare and --format options together");
	if (s->mode == MODE_BUILD && !s->have_format)
		return complain(
			"when using --build, you must specify an output --format");
	if (!s->assembly.output || !*s->assembly.output)
		return complain("output directory (-o option) must be supplied");
	if (!s->n_inputs)
		return complain(s->mode == MODE_BUILD
				? "build: no input supermin appliance specified"
				: "prepare: no input packages specified");
	return 0;
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

static int take_environment(struct supermin *s)
{
	s->assembly.kernel = environment("SUPERMIN_KERNEL");
	s->assembly.kernel_version = environment("SUPERMIN_KERNEL_VERSION");
	s->assembly.modules_dir = environment("SUPERMIN_MODULES");
	s->assembly.spool_dir = environment("TMPDIR");
	if (s->assembly.spool_dir && s->assembly.spool_dir[0] != '/')
		return complain("error: environment variable $TMPDIR must be an absolute "
				"path");
	return assemble_take_epoch(&s->assembly, "supermin") < 0 ? EXIT_FAILED : 0;
}

static int build(struct supermin *s)
{
	struct utsname host;
	bool made;

	if (!s->assembly.cpu && uname(&host) == 0)
		s->assembly.cpu = host.machine;
	s->assembly.inputs = s->inputs;
	if (s->verbose)
		printf("supermin: version: %s\n", SUPERMIN_VERSION);
	if (assemble_run(&s->assembly, "supermin", &made) < 0)
		return EXIT_FAILED;
	if (!made && s->verbose)
		puts("supermin: if-newer: output does not need rebuilding");
	return fflush(stdout) ? complain("standard output: %s", strerror(errno)) : 0;
}

/* Preparing is the builder program's; this process becomes it. */
static int prepare(const struct supermin *s)
{
	const char **words = calloc(s->n_inputs + s->verbose + 11, sizeof(words[0]));
	size_t n = 0;

	if (!words)
		abort();
	words[n++] = "prepare";
	words[n++] = "--messages-of=supermin";
	words[n++] = "--output";
	words[n++] = s->assembly.output;
	if (s->use_installed)
		words[n++] = "--use-installed";
	if (s->packager_config) {
		words[n++] = "--packager-config";
		words[n++] = s->packager_config;
	}
	for (unsigned i = 0; i < s->verbose; i++)
		words[n++] = "--verbose";
	words[n++] = "--";
	memcpy(words + n, s->inputs, s->n_inputs * sizeof(words[0]));
	command_by_builder(n + s->n_inputs, (char **)words);
	free(words);
	return EXIT_FAILED; /* it has said why */
}

static int list_drivers(void)
{
	const char *words[] = {
		"prepare", "--messages-of=supermin", "--list-managers", NULL};

	command_by_builder(3, (char **)words);
	return EXIT_FAILED; /* it has said why */
}

int supermin_main(int argc, char **argv)
{
	struct supermin s = {.assembly = HYPERMIN_ASSEMBLY_INIT};

	s.inputs = calloc(argc + 1, sizeof(s.inputs[0]));
	if (!s.inputs)
		abort();
	int status = parse(argc, argv, &s);
	hypermin_set_log(print_log, &s,
		s.verbose > 1	    ? HYPERMIN_LOG_DEBUG
			: s.verbose ? HYPERMIN_LOG_INFO
				    : HYPERMIN_LOG_WARNING);
	if (status == 0 && s.mode == MODE_LIST_DRIVERS) {
		free(s.inputs);
		return list_drivers();
	}
	if (status == 0)
		status = check(&s);
	if (status == 0)
		status = take_environment(&s);
	if (status == 0)
		status = s.mode == MODE_BUILD ? build(&s) : prepare(&s);
	free(s.inputs);
	return status;
}
