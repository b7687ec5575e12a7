/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Downloading packages, the same steps with each manager:
 *
 *	packages with configuration ──► what do the repositories have of them?
 *	                            ──► a temporary directory of packages
 *	                            ──► their configuration files
 *
 * Of a few hundred packages only a fifth have configuration files; the others are not
 * downloaded.
 */
#include "prepare/fetch.h"
#include "base/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/log.h"
#include "base/program.h"
#include "prepare/fetch-tools.h"

static const struct fetch_tool *find_tool(const char *manager)
{
	for (const struct fetch_tool *const *tool = fetch_tools; *tool; tool++)
		if (strcmp((*tool)->manager, manager) == 0)
			return *tool;
	return NULL;
}

/* ---- Which packages, in which version ---- */

static int compare_index(const void *a, const void *b)
{
	const struct package *pa = *(const struct package *const *)a;
	const struct package *pb = *(const struct package *const *)b;

	return (pa->index > pb->index) - (pa->index < pb->index);
}

static void find_wanted(struct fetch *f, const struct package_files *files)
{
	size_t kept = 0;

	vector_foreach (file, files)
		if (file->is_config && file->package)
			vector_push(&f->wanted, file->package);
	vector_sort(&f->wanted, compare_index);
	for (size_t i = 0; i < f->wanted.len; i++)
		if (!kept || f->wanted.items[kept - 1] != f->wanted.items[i])
			f->wanted.items[kept++] = f->wanted.items[i];
	f->wanted.len = kept;
}

/* A package for any architecture is in the list of each architecture. */
static bool fits(const struct offer *offer, const struct package *pkg)
{
	return strcmp(offer->name, pkg->name) == 0 &&
		(!offer->arch || strcmp(offer->arch, pkg->arch) == 0 ||
			strcmp(pkg->arch, "all") == 0);
}

/* The offer of the version that is installed, or else the best offer. */
static const struct offer *choose(const struct fetch *f, const struct package *pkg)
{
	const struct offer *best = NULL;

	vector_foreach (offer, &f->offers) {
		if (!fits(offer, pkg))
			continue;
		if (strcmp(offer->version, pkg->version) == 0)
			return offer;
		if (!best)
			best = offer;
	}
	if (best)
		log_warning(
			"package '%s': version %s is installed, but no repository has it: "
			"taking configuration from version %s",
			pkg->name, pkg->version, best->version);
	return best;
}

static int download(struct fetch *f, const struct fetch_tool *tool, struct error *err)
{
	VECTOR(const struct offer *) chosen = {0};

	if (tool->find_offers(f, err) < 0)
		return error_prefix(err, "ask for packages to download");
	vector_foreach (pkg, &f->wanted) {
		const struct offer *offer = choose(f, *pkg);
		if (!offer) {
			vector_done(&chosen);
			return error_set(err, 0,
				"package '%s' can't be downloaded, no repository has it: "
				"take configuration files of this system instead "
				"(--use-installed)",
				(*pkg)->name);
		}
		vector_push(&chosen, offer);
	}
	log_info("downloading %zu packages", f->wanted.len);
	int result = tool->download(f, chosen.items, err);
	vector_done(&chosen);
	return result < 0 ? error_prefix(err, "download packages") : 0;
}

/* ---- What was downloaded ---- */

static int read_package(
	struct fetch *f, const char *name, struct config_files *files, struct error *err)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", f->directory, name);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, errno, "open package '%s'", path);
	return config_files_read_package(files, fd, name, err);
}

static bool is_package(const char *name)
{
	/* Of dpkg, rpm and pacman. */
	static const char *const parts[] = {".deb", ".rpm", ".pkg.tar"};
	size_t len = strlen(name);

	if (len > 4 && strcmp(name + len - 4, ".sig") == 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(name, parts[i]))
			return true;
	return false;
}

static int read_packages(struct fetch *f, struct config_files *files, struct error *err)
{
	CLEANUP_STRVEC struct strvec names = {0};
	size_t n = 0;

	if (directory_list(AT_FDCWD, f->directory, 0, &names) < 0)
		return error_set(err, errno, "open '%s'", f->directory);
	vector_foreach (name, &names) {
		if (!is_package(*name))
			continue;
		if (*f->interrupted)
			return error_set(err, EINTR, "read packages");
		if (read_package(f, *name, files, err) < 0)
			return -1;
		n++;
	}
	if (n < f->wanted.len)
		return error_set(err, 0,
			"the tool was asked for %zu packages and downloaded %zu",
			f->wanted.len, n);
	return 0;
}

/* ---- The temporary directory ---- */

/* This program removes the directory in a process of its own, also if we are killed. */
static int plan_removal(struct fetch *f, struct error *err)
{
	CLEANUP_STRVEC struct strvec argv = {0};
	CLEANUP_FREE char *self = program_path(err);

	if (!self)
		return -1;
	strvec_add(&argv, self);
	strvec_add(&argv, "remove");
	strvec_addf(&argv, "--cache=%s", f->directory);
	return afterwards_start(&f->removal, strvec_argv(&argv), err);
}

static int make_directory(struct fetch *f, struct error *err)
{
	const char *tmp = trust_temporary("/var/tmp", err);

	if (!tmp)
		return -1;
	f->directory = xasprintf("%s/hypermin-XXXXXX", tmp);
	if (!mkdtemp(f->directory))
		return error_set(err, errno, "create a directory '%s'", f->directory);
	if (plan_removal(f, err) == 0)
		return 0;
	rmdir(f->directory);
	return -1;
}

static void fetch_done(struct fetch *f)
{
	afterwards_run(&f->removal);
	free(f->directory);
	package_set_done(&f->wanted);
	vector_done(&f->offers);
	arena_done(&f->arena);
}

int fetch_config_files(const char *manager, const struct package_files *wanted,
	const struct prepare_options *options, struct config_files *files,
	struct error *err)
{
	const struct fetch_tool *tool = find_tool(manager);
	struct fetch f = {.interrupted = options->interrupted};
	CLEANUP_FREE char *config = NULL;

	if (!tool)
		return error_set(err, 0,
			"hypermin can't download packages of %s: take configuration files of "
			"this system instead (--use-installed)",
			manager);
	if (options->packager_config &&
		!(config = realpath(options->packager_config, NULL)))
		return error_set(
			err, errno, "find configuration '%s'", options->packager_config);
	f.packager_config = config;
	find_wanted(&f, wanted);
	int result = make_directory(&f, err);
	if (result == 0 && f.wanted.len)
		result = download(&f, tool, err);
	if (result == 0)
		result = read_packages(&f, files, err);
	fetch_done(&f);
	return result;
}
