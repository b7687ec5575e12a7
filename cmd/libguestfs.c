/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hypermin libguestfs: run a program whose libguestfs starts its appliance by us.
 *
 *	CACHE/libguestfs/appliance/       the appliance, replaced in one step when it is outdated
 *	                 kernel initrd root ──► appliance/…
 *	                 README.fixed     by which libguestfs knows a fixed appliance
 */
#include <errno.h>
#include <fcntl.h>
#include <hypermin.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "assemble.h"
#include "commands.h"
#include "libguestfs.h"
#include "settings.h"

struct settings {
	bool print;
	struct command_log log;
	char directory[PATH_MAX], supermin_d[PATH_MAX];
	char *qemu;
};

static const struct option_row rows[] = {
	{OPTION_FLAG, "env", 0, NULL, "print the settings for a shell instead",
		offsetof(struct settings, print)},
	{OPTION_COUNT, "verbose", 'v', NULL, "say of each launch how it goes, and why",
		offsetof(struct settings, log.verbose)},
	{0},
};

static const struct option_group groups[] = {{NULL, rows}, {0}};

static const struct options options = {
	.command = "hypermin libguestfs",
	.usage =
		"Usage: hypermin libguestfs [OPTION…] -- PROGRAM [ARG…]\n"
		"       eval \"$(hypermin libguestfs --env)\"\n"
		"\n"
		"Run a program that uses libguestfs, in whatever language, with an appliance that resumes\n"
		"from a snapshot instead of booting. The first launch boots; a snapshot is taken in the\n"
		"background meanwhile. Nothing else changes.",
	.groups = groups,
	.words = WORDS_LAST,
};

/* ---- The appliance ---- */

/* Where libguestfs looks if LIBGUESTFS_PATH does not say: distributions differ. */
#define USUAL_PATH                             \
	"/usr/lib/x86_64-linux-gnu/guestfs:"   \
	"/usr/lib/aarch64-linux-gnu/guestfs:"  \
	"/usr/lib64/guestfs:/usr/lib/guestfs:" \
	"/usr/local/lib64/guestfs:/usr/local/lib/guestfs"

static bool find_inputs_in(const char *path, char *ret, size_t size)
{
	while (*path) {
		size_t len = strcspn(path, ":");
		snprintf(ret, size, "%.*s/supermin.d", (int)len, path);
		if (access(ret, R_OK | X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

bool libguestfs_find_inputs(char *ret, size_t size)
{
	const char *named = getenv("LIBGUESTFS_PATH");

	/* It may name an appliance instead: in an environment that --env has made, it does. */
	return (named && find_inputs_in(named, ret, size)) ||
		find_inputs_in(USUAL_PATH, ret, size);
}

static int link_part(const struct settings *s, const char *name)
{
	char path[PATH_MAX + 16], target[32];

	snprintf(path, sizeof(path), "%s/%s", s->directory, name);
	snprintf(target, sizeof(target), "appliance/%s", name);
	if (symlink(target, path) == 0 || errno == EEXIST)
		return 0;
	return options_complain("create '%s': %s", path, strerror(errno));
}

static int mark_as_fixed(const struct settings *s)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/README.fixed", s->directory);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return options_complain("create '%s': %s", path, strerror(errno));
	close(fd);
	if (link_part(s, "kernel") < 0 || link_part(s, "initrd") < 0)
		return -1;
	return link_part(s, "root");
}

static int make_appliance(const struct settings *s)
{
	const char *const inputs[] = {s->supermin_d, NULL};
	struct hypermin_assembly assembly = HYPERMIN_ASSEMBLY_INIT;
	char output[PATH_MAX + 16], lock[PATH_MAX + 16];
	struct utsname host;

	if (mkdir(s->directory, 0700) < 0 && errno != EEXIST)
		return options_complain("create '%s': %s", s->directory, strerror(errno));
	snprintf(output, sizeof(output), "%s/appliance", s->directory);
	snprintf(lock, sizeof(lock), "%s/lock", s->directory);
	assembly.inputs = inputs;
	assembly.output = output;
	assembly.lock_file = lock;
	assembly.if_newer = true;
	/* In the form that starts at once. */
	assembly.copy_kernel = true;
	assembly.cpu = uname(&host) == 0 ? host.machine : NULL;
	if (assemble_run(&assembly, "hypermin libguestfs", NULL) < 0)
		return -1;
	return mark_as_fixed(s);
}

/* ---- The environment ---- */

/* In single quotes. */
static void print_assignment(const char *name, const char *value)
{
	printf("export %s='", name);
	for (; *value; value++)
		if (*value == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*value);
	puts("'");
}

static void set(const struct settings *s, const char *name, const char *value)
{
	if (s->print)
		print_assignment(name, value);
	else if (setenv(name, value, 1) < 0)
		abort();
}

static void set_all(const struct settings *s)
{
	char log[64];

	set(s, "LIBGUESTFS_PATH", s->directory);
	set(s, "LIBGUESTFS_HV", s->qemu);
	/* Through libvirt, some distributions' default, the program would not be asked. */
	set(s, "LIBGUESTFS_BACKEND", "direct");
	if (!s->log.verbose)
		return;
	/* Our standard error, and that of the program that this process becomes; the
	 * library gives qemu another one. */
	if (s->print)
		snprintf(log, sizeof(log), "/dev/stderr");
	else
		snprintf(log, sizeof(log), "/proc/%d/fd/2", (int)getpid());
	set(s, "HYPERMIN_LOG", log);
}

static int prepare(struct settings *s)
{
	struct hypermin *h = hypermin_new();
	const char *cache = hypermin_cache_directory(h);
	int result = -1;

	s->qemu = cache ? hypermin_find_program(h, "libguestfs-qemu") : NULL;
	if (s->qemu)
		result = snprintf(s->directory, sizeof(s->directory), "%s/libguestfs",
				 cache) < (int)sizeof(s->directory)
			? 0
			: options_complain("'%s' is too long a name", cache);
	else
		options_complain("%s", hypermin_error(h));
	hypermin_free(h);
	if (result == 0 && !libguestfs_find_inputs(s->supermin_d, sizeof(s->supermin_d)))
		result = options_complain(
			"libguestfs is not installed: there is no guestfs/supermin.d in "
			"the usual places; name the directory that it is in with "
			"LIBGUESTFS_PATH");
	return result < 0 ? -1 : make_appliance(s);
}

static int run_program(const struct settings *s, char **program)
{
	set_all(s);
	if (s->print)
		return 0;
	execvp(program[0], program);
	options_complain("run '%s': %s", program[0], strerror(errno));
	return EXIT_OURS;
}

int command_libguestfs(int argc, char **argv)
{
	struct settings s = {0};
	int status = EXIT_OURS;

	int first = options_parse(&options, argc, argv, &s);
	if (first == OPTIONS_HELPED)
		return 0;
	if (first < 0)
		return EXIT_OURS;
	command_log_start(&s.log);
	if (s.print && first < argc)
		options_complain("--env runs no program: '%s'", argv[first]);
	else if (!s.print && first == argc)
		options_complain("name the program to run, or --env");
	else if (prepare(&s) == 0)
		status = run_program(&s, argv + first);
	free(s.qemu);
	return status;
}
