/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * apt, dnf and pacman: the commands by which each lists what it can download, and
 * downloads it. None of them changes what is installed.
 */
#include "prepare/fetch-tools.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_offer(
	struct fetch *f, const char *name, const char *version, const char *arch)
{
	vector_push(&f->offers,
		(struct offer){
			.name = arena_strdup(&f->arena, name),
			.version = arena_strdup(&f->arena, version),
			.arch = arch ? arena_strdup(&f->arena, arch) : NULL,
		});
}

/* A program, and the configuration that it is to use instead of the host's. */
static void begin_words(const struct fetch *f, struct strvec *argv, const char *program,
	const char *config_option)
{
	strvec_add(argv, program);
	if (f->packager_config) {
		strvec_add(argv, config_option);
		strvec_add(argv, f->packager_config);
	}
}

static int run_words(
	struct fetch *f, struct strvec *argv, tool_line_fn *on_line, struct error *err)
{
	const struct tool tool = {f->directory, f->interrupted, on_line, f};

	return tool_run(&tool, argv, err);
}

/* ---- apt ---- */

/* Cut the next field off a line of "a | b | c", without the blanks around it. */
static char *next_column(char **line)
{
	char *column = strsep(line, "|");

	if (!column)
		return NULL;
	column += strspn(column, " ");
	for (size_t len = strlen(column); len && column[len - 1] == ' ';)
		column[--len] = '\0';
	return column;
}

/* "NAME | VERSION | URL SUITE/COMPONENT ARCH Packages"; source packages' lines end with
 * "Sources" */
static void take_madison(char *line, void *data)
{
	static const char suffix[] = " Packages";
	const char *name = next_column(&line);
	const char *version = next_column(&line);
	char *origin = next_column(&line);
	char *end = origin ? strstr(origin, suffix) : NULL;

	if (!end || end[strlen(suffix)])
		return;
	*end = '\0';
	const char *arch = strrchr(origin, ' ');
	add_offer(data, name, version, arch ? arch + 1 : NULL);
}

static int apt_find_offers(struct fetch *f, struct error *err)
{
	CLEANUP_STRVEC struct strvec argv = {0};

	begin_words(f, &argv, "apt-cache", "-c");
	strvec_add(&argv, "madison");
	vector_foreach (pkg, &f->wanted)
		strvec_addf(&argv, "%s:%s", (*pkg)->name, (*pkg)->arch);
	return run_words(f, &argv, take_madison, err);
}

static int apt_download(
	struct fetch *f, const struct offer *const *chosen, struct error *err)
{
	CLEANUP_STRVEC struct strvec argv = {0};

	begin_words(f, &argv, "apt-get", "-c");
	strvec_add(&argv, "-q");
	strvec_add(&argv, "download");
	for (size_t i = 0; i < f->wanted.len; i++)
		strvec_addf(&argv, "%s:%s=%s", chosen[i]->name, f->wanted.items[i]->arch,
			chosen[i]->version);
	return run_words(f, &argv, NULL, err);
}

static const struct fetch_tool apt = {
	.manager = "dpkg",
	.find_offers = apt_find_offers,
	.download = apt_download,
};

/* ---- dnf ---- */

/* "NAME ARCH [EPOCH:]VERSION-RELEASE" */
static void take_repoquery(char *line, void *data)
{
	char *save;
	const char *mark = strtok_r(line, " ", &save);
	const char *name = strtok_r(NULL, " ", &save);
	const char *arch = strtok_r(NULL, " ", &save);
	const char *version = strtok_r(NULL, " ", &save);

	if (mark && strcmp(mark, "offer") == 0 && version)
		add_offer(data, name, version, arch);
}

static int dnf_find_offers(struct fetch *f, struct error *err)
{
	CLEANUP_STRVEC struct strvec argv = {0};

	begin_words(f, &argv, "dnf", "-c");
	strvec_add(&argv, "-q");
	strvec_add(&argv, "repoquery");
	strvec_add(&argv, "--available");
	strvec_add(&argv, "--queryformat=offer %{name} %{arch} %{evr}\n");
	vector_foreach (pkg, &f->wanted)
		strvec_addf(&argv, "%s.%s", (*pkg)->name, (*pkg)->arch);
	return run_words(f, &argv, take_repoquery, err);
}

static int dnf_download(
	struct fetch *f, const struct offer *const *chosen, struct error *err)
{
	CLEANUP_STRVEC struct strvec argv = {0};

	begin_words(f, &argv, "dnf", "-c");
	strvec_add(&argv, "-q");
	strvec_add(&argv, "download");
	strvec_addf(&argv, "--destdir=%s", f->directory);
	for (size_t i = 0; i < f->wanted.len; i++)
		strvec_addf(&argv, "%s-%s.%s", chosen[i]->name, chosen[i]->version,
			chosen[i]->arch);
	return run_words(f, &argv, NULL, err);
}

static const struct fetch_tool dnf = {
	.manager = "rpm",
	.find_offers = dnf_find_offers,
	.download = dnf_download,
};

/* ---- pacman ---- */

/*
 * With databases of its own, so that the host's stay as they are. pacman refuses to
 * download for ordinary users; fakeroot makes it believe that root runs it.
 */
static void begin_pacman(const struct fetch *f, struct strvec *argv)
{
	if (geteuid() != 0)
		strvec_add(argv, "fakeroot");
	begin_words(f, argv, "pacman", "--config");
	strvec_addf(argv, "--dbpath=%s/databases", f->directory);
	strvec_addf(argv, "--cachedir=%s", f->directory);
	strvec_add(argv, "--logfile=/dev/null");
	strvec_add(argv, "--noconfirm");
	strvec_add(argv, "--noprogressbar");
}

/* "REPOSITORY NAME VERSION" */
static void take_listing(char *line, void *data)
{
	char *save;
	const char *repository = strtok_r(line, " ", &save);
	const char *name = repository ? strtok_r(NULL, " ", &save) : NULL;
	const char *version = name ? strtok_r(NULL, " ", &save) : NULL;

	if (version)
		add_offer(data, name, version, NULL);
}

static int pacman_find_offers(struct fetch *f, struct error *err)
{
	CLEANUP_STRVEC struct strvec sync = {0};
	CLEANUP_STRVEC struct strvec list = {0};
	CLEANUP_FREE char *databases = xasprintf("%s/databases", f->directory);

	if (mkdir(databases, 0700) < 0)
		return error_set(err, errno, "create '%s'", databases);
	begin_pacman(f, &sync);
	strvec_add(&sync, "-Sy");
	begin_pacman(f, &list);
	strvec_add(&list, "-Sl");
	if (run_words(f, &sync, NULL, err) < 0)
		return -1;
	return run_words(f, &list, take_listing, err);
}

static int pacman_download(
	struct fetch *f, const struct offer *const *chosen, struct error *err)
{
	CLEANUP_STRVEC struct strvec argv = {0};

	begin_pacman(f, &argv);
	strvec_add(&argv, "-Swdd");
	for (size_t i = 0; i < f->wanted.len; i++)
		strvec_add(&argv, chosen[i]->name);
	return run_words(f, &argv, NULL, err);
}

static const struct fetch_tool pacman = {
	.manager = "pacman",
	.find_offers = pacman_find_offers,
	.download = pacman_download,
};

const struct fetch_tool *const fetch_tools[] = {&apt, &dnf, &pacman, NULL};
