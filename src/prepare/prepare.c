/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preparing: names to packages, packages to their configuration files, and both into the
 * output directory. The contents of the files come from the host (config-files.h) or from
 * packages that are downloaded (fetch.h).
 */
#include "prepare/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/io.h"
#include "base/log.h"
#include "base/replace.h"
#include "base/strbuf.h"
#include "packages/packages.h"
#include "prepare/config-files.h"
#include "prepare/fetch.h"

struct prepare {
	const struct prepare_options *options;
	struct packages *packages;
	struct strvec names; /* sorted, each once */
	struct package_set set;
	struct package_files files;
	struct config_files config;
	int64_t mtime_max;
};

static int check_interrupted(const struct prepare *p, struct error *err)
{
	if (*p->options->interrupted)
		return error_set(err, EINTR, "prepare '%s'", p->options->output);
	return 0;
}

/* Reproducible builds set the time that no file may be younger than. */
static int read_source_date(int64_t *ret, struct error *err)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	char *end;

	*ret = INT64_MAX;
	if (!text || !*text)
		return 0;
	errno = 0;
	intmax_t seconds = strtoimax(text, &end, 10);
	if (errno || end == text || *end || seconds < 0)
		return error_set(err, 0,
			"SOURCE_DATE_EPOCH is seconds since 1970, not '%s'", text);
	*ret = seconds;
	return 0;
}

/* ---- Names ---- */

/* 1: no installed package has this name or file. */
static int find_package(struct packages *packages, const char *name,
	const struct package **ret, struct error *err)
{
	if (name[0] == '/')
		return packages_owner(packages, name, ret, err);
	*ret = packages_find(packages, name);
	return *ret ? 0 : 1;
}

static void drop_duplicates(struct strvec *names)
{
	size_t kept = 0;

	strvec_sort(names);
	for (size_t i = 0; i < names->len; i++)
		if (kept && strcmp(names->items[kept - 1], names->items[i]) == 0)
			free(names->items[i]);
		else
			names->items[kept++] = names->items[i];
	names->len = kept;
}

/*
 * A list of packages is written for all releases of a distribution, so it names some that
 * this release does not have. Those that are not installed are left out.
 */
static int find_packages(struct prepare *p, struct error *err)
{
	vector_foreach (name, &p->options->packages) {
		const struct package *pkg;
		int result = find_package(p->packages, *name, &pkg, err);
		if (result < 0)
			return -1;
		if (result == 0) {
			CLEANUP_FREE char *label = packages_label(p->packages, pkg);
			strvec_add(&p->names, label);
		} else if ((*name)[0] == '/') {
			log_warning("left out '%s': it belongs to no package", *name);
		} else {
			log_warning("left out '%s': it is not installed", *name);
		}
	}
	if (p->names.len == 0)
		return error_set(
			err, 0, "none of the packages that are asked for is installed");
	drop_duplicates(&p->names);
	return packages_resolve(p->packages, (const char *const *)p->names.items,
		p->names.len, &p->set, err);
}

static int gather_packages(struct prepare *p, struct error *err)
{
	if (packages_open(p->options->root, &p->packages, err) < 0 ||
		find_packages(p, err) < 0)
		return -1;
	log_info("packages: %zu asked for, %zu with all that they need", p->names.len,
		p->set.len);
	return packages_files(p->packages, &p->set, &p->files, err);
}

/* ---- Configuration ---- */

static int read_config(struct prepare *p, struct error *err)
{
	VECTOR(const char *) paths = {0};

	vector_foreach (file, &p->files)
		if (file->is_config)
			vector_push(&paths, file->path);
	config_files_init(&p->config, paths.items, paths.len);
	vector_done(&paths);
	if (p->options->use_installed)
		return config_files_read_host(&p->config, p->options->root, err);
	return fetch_config_files(
		packages_manager(p->packages), &p->files, p->options, &p->config, err);
}

/* ---- The output ---- */

/*
 * An older output is removed with all that was put into it since; so what is there has to
 * look like one: plain files, and the list of packages among them.
 */
static int check_output(const char *path, struct error *err)
{
	CLEANUP_STRVEC struct strvec names = {0};
	bool is_output = false;

	if (directory_list(AT_FDCWD, path, 0, &names) < 0)
		return errno == ENOENT ? 0 : error_set(err, errno, "replace '%s'", path);
	vector_foreach (name, &names) {
		CLEANUP_FREE char *full = xasprintf("%s/%s", path, *name);
		struct stat st;
		is_output |= strcmp(*name, "packages") == 0;
		if (lstat(full, &st) == 0 && S_ISDIR(st.st_mode))
			return error_set(err, 0,
				"replace '%s': there is a directory in it, '%s', so it was "
				"not made by this command; remove it, or name another",
				path, *name);
	}
	if (names.len && !is_output)
		return error_set(err, 0,
			"replace '%s': it has files but no 'packages' in it, so it was not "
			"made by this command; remove it, or name another",
			path);
	return 0;
}

static int write_packages(const struct prepare *p, int dir_fd, struct error *err)
{
	CLEANUP_STRBUF struct strbuf text = {0};
	CLEANUP_CLOSE int fd =
		openat(dir_fd, "packages", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	vector_foreach (name, &p->names)
		strbuf_addf(&text, "%s\n", *name);
	if (fd < 0 || io_write_full(fd, text.data, text.len) < 0 || fdatasync(fd) < 0)
		return error_set(err, errno, "write '%s/packages'", p->options->output);
	return 0;
}

static int write_base(const struct prepare *p, int dir_fd, struct error *err)
{
	CLEANUP_CLOSE int fd = openat(
		dir_fd, "base.tar.gz", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd < 0)
		return error_set(
			err, errno, "write '%s/base.tar.gz'", p->options->output);
	if (config_files_write(&p->config, fd, p->mtime_max, err) < 0)
		return error_prefix(err, "write '%s/base.tar.gz'", p->options->output);
	/* Some file systems report only now that they are full. */
	if (fdatasync(fd) < 0)
		return error_set(
			err, errno, "write '%s/base.tar.gz'", p->options->output);
	return 0;
}

static int write_output(struct prepare *p, struct replacement *output, struct error *err)
{
	if (write_packages(p, output->fd, err) < 0 ||
		write_base(p, output->fd, err) < 0 || check_interrupted(p, err) < 0)
		return -1;
	log_info("'%s': %zu names, %zu configuration files", p->options->output,
		p->names.len, config_files_found(&p->config));
	return replacement_publish(output, err);
}

static int prepare(struct prepare *p, struct error *err)
{
	struct replacement output;
	/* The directory itself is replaced, not a symlink to it, nor "." in it. */
	CLEANUP_FREE char *real = realpath(p->options->output, NULL);
	const char *path = real ? real : p->options->output;

	if (check_output(path, err) < 0 || read_source_date(&p->mtime_max, err) < 0 ||
		gather_packages(p, err) < 0 || read_config(p, err) < 0 ||
		check_interrupted(p, err) < 0 ||
		replacement_begin(path, &output, err) < 0)
		return -1;
	int result = write_output(p, &output, err);
	replacement_done(&output);
	return result;
}

int prepare_input(const struct prepare_options *options, struct error *err)
{
	struct prepare p = {.options = options};
	int result = prepare(&p, err);

	config_files_done(&p.config);
	package_files_done(&p.files);
	package_set_done(&p.set);
	packages_close(p.packages);
	strvec_done(&p.names);
	return result;
}
