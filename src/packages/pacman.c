/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pacman handler: Arch Linux and what stems from it. Reads the database's files
 * (pacman.h names them), descriptions at the start, file lists when they are asked for.
 *
 * As in libalpm, a relation is satisfied by a package of that name in a fitting version, or
 * by one that provides the name; a relation to a version only if the name is provided with
 * one.
 */
#include "packages/pacman.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/directory.h"
#include "base/io.h"
#include "base/log.h"
#include "packages/names.h"

/* The database's format, which pacman has written since 2013. */
#define DATABASE_FORMAT "9"

static const char *const databases[] = {"var/lib/pacman/local", NULL};

struct pacman_db {
	char *root;
	struct arena arena;
	/* By index. */
	struct {
		struct pacman_package **items;
		size_t len;
		size_t cap;
	} packages;
	struct names names;
};

static void pacman_close(void *data)
{
	struct pacman_db *db = data;

	vector_foreach (pkg, &db->packages)
		pacman_package_done(*pkg);
	vector_done(&db->packages);
	names_done(&db->names);
	arena_done(&db->arena);
	free(db->root);
	free(db);
}

/* ---- Reading ---- */

/* One of a package's files, in the arena. */
static int read_text(struct pacman_db *db, const char *directory, const char *name,
	char **ret_path, char **ret_text, struct error *err)
{
	CLEANUP_FREE char *path =
		xasprintf("%s/%s/%s/%s", db->root, databases[0], directory, name);
	CLEANUP_FREE char *data = NULL;
	size_t len;

	if (io_read_file(AT_FDCWD, path, PACMAN_FILE_MAX, &data, &len, err) < 0)
		return -1;
	if (memchr(data, '\0', len))
		return error_set(err, 0, "'%s' holds a NUL, this is not text", path);
	*ret_text = arena_strndup(&db->arena, data, len);
	*ret_path = TAKE_PTR(path);
	return 0;
}

static int read_package(struct pacman_db *db, const char *directory, struct error *err)
{
	struct pacman_package *pkg = arena_alloc(&db->arena, sizeof(*pkg));
	CLEANUP_FREE char *path = NULL;
	char *text;

	if (read_text(db, directory, "desc", &path, &text, err) < 0)
		return -1;
	pkg->directory = arena_strdup(&db->arena, directory);
	pkg->package.index = db->packages.len;
	vector_push(&db->packages, pkg);
	if (pacman_desc_parse(text, path, pkg, err) < 0)
		return -1;
	names_add(&db->names, &db->arena, &pkg->package);
	return 0;
}

static int check_format(struct pacman_db *db, struct error *err)
{
	CLEANUP_FREE char *path =
		xasprintf("%s/%s/ALPM_DB_VERSION", db->root, databases[0]);
	CLEANUP_FREE char *text = NULL;
	struct error why;
	size_t len;

	if (io_read_file(AT_FDCWD, path, 100, &text, &len, &why) < 0) {
		/* Without any package pacman need not have written it. */
		return why.num == ENOENT ? 0 : error_set(err, 0, "%-s", why.msg);
	}
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, DATABASE_FORMAT) != 0)
		return error_set(err, 0,
			"'%s': the database has format '%.20s', this reads " DATABASE_FORMAT,
			path, text);
	return 0;
}

static int read_packages(struct pacman_db *db, struct error *err)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", db->root, databases[0]);
	CLEANUP_STRVEC struct strvec names = {0};
	struct relation rel;

	if (directory_list(AT_FDCWD, path, 0, &names) < 0)
		return error_set(err, errno, "open '%s'", path);
	vector_foreach (name, &names)
		if (**name != '.' && strcmp(*name, "ALPM_DB_VERSION") != 0 &&
			read_package(db, *name, err) < 0)
			return -1;
	vector_foreach (pkg, &db->packages)
		vector_foreach (text, &(*pkg)->provides)
			if (pacman_relation_parse(&db->arena, *text, &rel) == 0)
				names_add_provided(&db->names, &db->arena, rel.name,
					&(*pkg)->package, rel.version);
	return 0;
}

static int pacman_open(
	const char *root, void **ret_db, struct package_set *ret_all, struct error *err)
{
	struct pacman_db *db = xcalloc(1, sizeof(*db));

	db->root = xstrdup(root);
	if (check_format(db, err) < 0 || read_packages(db, err) < 0) {
		pacman_close(db);
		return -1;
	}
	vector_foreach (pkg, &db->packages)
		vector_push(ret_all, &(*pkg)->package);
	*ret_db = db;
	return 0;
}

/* ---- Answers ---- */

static const struct package *find_satisfier(
	const struct pacman_db *db, const struct relation *rel)
{
	for (const struct named *e = names_get(&db->names, rel->name); e; e = e->next)
		if (relation_holds(rel, e->version, pacman_version_compare))
			return e->package;
	return NULL;
}

static const struct package *pacman_find(void *data, const char *name)
{
	const struct pacman_db *db = data;
	const struct named *first = names_get(&db->names, name);

	return first && !first->provided ? first->package
					 : names_find_provider(&db->names, name);
}

static int pacman_depends(void *data, const struct package *package,
	struct package_set *ret, struct error *err)
{
	struct pacman_db *db = data;
	const struct pacman_package *pkg = db->packages.items[package->index];

	vector_foreach (text, &pkg->depends) {
		struct relation rel;
		if (pacman_relation_parse(&db->arena, *text, &rel) < 0)
			return error_set(err, 0,
				"pacman's description of package '%s': can't read the "
				"dependency '%.100s'",
				package->name, *text);
		const struct package *satisfier = find_satisfier(db, &rel);
		if (satisfier)
			vector_push(ret, satisfier);
		else
			log_warning("package '%s' depends on '%.500s', which is not "
				    "installed: left out",
				package->name, *text);
	}
	return 0;
}

static int pacman_files(void *data, const struct package *package,
	const struct package_set *set, struct package_files *ret, struct error *err)
{
	struct pacman_db *db = data;
	const char *directory = db->packages.items[package->index]->directory;
	CLEANUP_FREE char *path = NULL;
	char *text;

	(void)set;
	if (read_text(db, directory, "files", &path, &text, err) < 0)
		return -1;
	return pacman_files_parse(&db->arena, text, path, package, ret, err);
}

/* A package's directory has its version in its name, so each change changes local/. */
static void pacman_watch_paths(const void *data, struct strvec *ret)
{
	const struct pacman_db *db = data;

	strvec_addf(ret, "%s/%s", db->root, databases[0]);
}

static const char *const default_packages[] = {"bash", "coreutils", "diffutils",
	"e2fsprogs", "filesystem", "findutils", "gawk", "grep", "gzip", "inetutils",
	"iproute2", "kmod", "ncurses", "procps-ng", "sed", "tar", "util-linux", NULL};

const struct packages_handler pacman_handler = {
	.name = "pacman",
	.install_command = "pacman -S",
	.before_version = "-",
	.before_arch = ".",
	.default_packages = default_packages,
	.databases = databases,
	.open = pacman_open,
	.close = pacman_close,
	.find = pacman_find,
	.depends = pacman_depends,
	.files = pacman_files,
	.watch_paths = pacman_watch_paths,
};
