/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking the package database of a fixture root, with answers as text. Include after
 * cmocka.h. */
#pragma once

#include "base/log.h"
#include "base/strbuf.h"
#include "fixture-root.h"
#include "packages/packages.h"

static struct strbuf warnings;

static inline void keep_warning(enum log_level level, const char *line, void *data)
{
	(void)data;
	if (level == LOG_LEVEL_WARNING)
		strbuf_addf(&warnings, "%s\n", line);
}

static inline int setup(void **state)
{
	static struct fixture_root root;

	fixture_root_init(&root);
	*state = &root;
	log_set_handler(keep_warning, NULL, LOG_LEVEL_WARNING);
	strbuf_clear(&warnings);
	return 0;
}

static inline int teardown(void **state)
{
	fixture_root_done(*state);
	strbuf_done(&warnings);
	log_set_handler(NULL, NULL, LOG_LEVEL_WARNING);
	return 0;
}

/* The closure over space-separated names, as "name:arch name:arch", or the error. */
static inline char *resolve(const struct fixture_root *f, const char *names)
{
	CLEANUP_STRVEC struct strvec list = {0};
	CLEANUP_FREE char *copy = xstrdup(names);
	struct package_set set = {0};
	struct strbuf sb = {0};
	struct packages *p;
	struct error err;
	char *save;

	for (char *n = strtok_r(copy, " ", &save); n; n = strtok_r(NULL, " ", &save))
		strvec_add(&list, n);
	if (packages_open(f->path, &p, &err) < 0)
		return xstrdup(err.msg);
	if (packages_resolve(p, (const char *const *)list.items, list.len, &set, &err) <
		0)
		strbuf_adds(&sb, err.msg);
	vector_foreach (pkg, &set)
		strbuf_addf(
			&sb, "%s%s:%s", sb.len ? " " : "", (*pkg)->name, (*pkg)->arch);
	package_set_done(&set);
	packages_close(p);
	return strbuf_detach(&sb);
}

static inline void assert_resolves(
	const struct fixture_root *f, const char *names, const char *expected)
{
	CLEANUP_FREE char *got = resolve(f, names);
	assert_string_equal(got, expected);
}

/* The paths of what a name needs, a line each, or the error. Behind a path: "*" for
 * configuration, "<SOURCE" and ">TARGET" where they are not the host's own. */
static inline char *files_of(const struct fixture_root *f, const char *name)
{
	struct package_files files = {0};
	struct package_set set = {0};
	struct strbuf sb = {0};
	struct packages *p;
	struct error err;

	if (packages_open(f->path, &p, &err) < 0)
		return xstrdup(err.msg);
	if (packages_resolve(p, &name, 1, &set, &err) < 0 ||
		packages_files(p, &set, &files, &err) < 0)
		strbuf_adds(&sb, err.msg);
	vector_foreach (file, &files)
		strbuf_addf(&sb, "%s%s%s%s%s%s\n", file->path, file->is_config ? "*" : "",
			file->source ? "<" : "", file->source ? file->source : "",
			file->target ? ">" : "", file->target ? file->target : "");
	package_files_done(&files);
	package_set_done(&set);
	packages_close(p);
	return strbuf_detach(&sb);
}

static inline void assert_files(
	const struct fixture_root *f, const char *name, const char *expected)
{
	CLEANUP_FREE char *got = files_of(f, name);
	assert_string_equal(got, expected);
}

/* The label of a file's package, "none", or the error. */
static inline char *owner_of(const struct fixture_root *f, const char *path)
{
	const struct package *pkg;
	struct packages *p;
	struct error err;

	if (packages_open(f->path, &p, &err) < 0)
		return xstrdup(err.msg);
	int found = packages_owner(p, path, &pkg, &err);
	char *label = found == 0 ? packages_label(p, pkg)
		: found == 1	 ? xstrdup("none")
				 : xstrdup(err.msg);
	packages_close(p);
	return label;
}

static inline void assert_owner(
	const struct fixture_root *f, const char *path, const char *expected)
{
	CLEANUP_FREE char *got = owner_of(f, path);
	assert_string_equal(got, expected);
}

/* With this database, the manager's own paths to watch, without the root, a line each. */
static inline void assert_watched(const struct fixture_root *f, const char *database,
	const char *path, const char *expected)
{
	CLEANUP_STRVEC struct strvec paths = {0};
	CLEANUP_FREE char *with_slash = xasprintf("%s/", f->path);
	CLEANUP_STRBUF struct strbuf sb = {0};
	struct packages *p;
	struct error err;

	fixture_root_write(f, path, database);
	assert_int_equal(packages_open(with_slash, &p, &err), 0);
	packages_watch_paths(p, &paths);
	packages_close(p);
	for (size_t i = 0; i < paths.len && sb.len < strlen(expected); i++) {
		assert_int_equal(strncmp(paths.items[i], f->path, strlen(f->path)), 0);
		strbuf_addf(&sb, "%s\n", paths.items[i] + strlen(f->path));
	}
	assert_string_equal(sb.data, expected);
}

static inline void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' does not hold '%s'", text, part);
}
