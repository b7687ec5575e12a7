/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dpkg handler: Debian, Ubuntu and what stems from them. Reads the database's files
 * (dpkg.h names them) once at the start, the file lists when they are asked for.
 *
 * Relations are satisfied by dpkg's rules, also those for multi-arch. One rule is left
 * out: ":any" takes a package that is not marked "Multi-Arch: allowed" too, since dpkg
 * has checked that when it installed the package.
 */
#include "packages/dpkg.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/directory.h"
#include "base/file.h"
#include "base/io.h"
#include "base/log.h"

#define READ_TRIES 100

static const char *const databases[] = {"var/lib/dpkg/status", NULL};

static void dpkg_packages_done(struct dpkg_packages *packages)
{
	vector_done(packages);
}

static void dpkg_close(void *data)
{
	struct dpkg_db *db = data;

	vector_done(&db->packages);
	names_done(&db->names);
	strmap_done(&db->diversions);
	arena_done(&db->arena);
	free(db->root);
	free(db);
}

static int read_status(struct dpkg_db *db, const char *path, struct dpkg_packages *ret,
	struct error *err)
{
	CLEANUP_FREE char *text = NULL;
	size_t len;

	if (io_read_file(AT_FDCWD, path, DPKG_FILE_MAX, &text, &len, err) < 0)
		return -1;
	return dpkg_status_parse(&db->arena, text, len, path, ret, err);
}

static void replace_package(struct dpkg_packages *packages, struct dpkg_package *pkg)
{
	vector_foreach (old, packages) {
		if (strcmp((*old)->package.name, pkg->package.name) == 0 &&
			strcmp((*old)->package.arch, pkg->package.arch) == 0) {
			*old = pkg;
			return;
		}
	}
	vector_push(packages, pkg);
}

/*
 * While dpkg works, and after it was killed, the newest stanzas are not in status but in
 * updates/0000, updates/0001 …, in this order.
 */
static int read_journal(
	struct dpkg_db *db, struct dpkg_packages *packages, struct error *err)
{
	CLEANUP_FREE char *dir = xasprintf("%s/var/lib/dpkg/updates", db->root);
	CLEANUP(dpkg_packages_done) struct dpkg_packages newer = {0};
	CLEANUP_STRVEC struct strvec names = {0};

	if (directory_list(AT_FDCWD, dir, 0, &names) < 0)
		return errno == ENOENT ? 0 : error_set(err, errno, "open '%s'", dir);
	vector_foreach (name, &names) {
		CLEANUP_FREE char *path = xasprintf("%s/%s", dir, *name);
		if (isdigit((unsigned char)**name) &&
			read_status(db, path, &newer, err) < 0)
			return -1;
	}
	vector_foreach (pkg, &newer)
		replace_package(packages, *pkg);
	return 0;
}

/*
 * A dpkg that works meanwhile puts a new status in the place of the old one, and then
 * removes the journal, whose stanzas are in it. So what was read counts only if the status
 * is still the one that was read.
 */
static int read_packages(
	struct dpkg_db *db, struct dpkg_packages *known, struct error *err)
{
	CLEANUP_FREE char *status = xasprintf("%s/%s", db->root, databases[0]);

	for (int tries = 1;; tries++) {
		struct stat before, after;
		known->len = 0;
		if (stat(status, &before) < 0)
			return error_set(err, errno, "open '%s'", status);
		bool is_read = read_status(db, status, known, err) == 0 &&
			read_journal(db, known, err) == 0;
		if (!is_read && err->num != ENOENT)
			return -1;
		bool is_same =
			stat(status, &after) == 0 && file_is_unchanged(&before, &after);
		if (is_read && is_same)
			return 0;
		if (tries == READ_TRIES)
			return error_set(err, EAGAIN,
				"read '%s': it changes all the time; is dpkg at work?",
				status);
	}
}

static int field_error(
	const struct dpkg_package *pkg, const char *field, struct error *err)
{
	return error_prefix(
		err, "dpkg's status of package '%s', field %s", pkg->package.name, field);
}

static int add_provided(
	struct dpkg_db *db, const struct dpkg_package *pkg, struct error *err)
{
	const char *text = pkg->provides;
	struct relation rel;
	int r = 0;

	while (text && (r = dpkg_relation_next(&db->arena, &text, &rel, err)) > 0)
		names_add_provided(
			&db->names, &db->arena, rel.name, &pkg->package, rel.version);
	return r < 0 ? field_error(pkg, "Provides", err) : 0;
}

/* The dpkg package's own: with one architecture no file of the database says it. */
static const char *native_arch(const struct dpkg_db *db)
{
	const struct named *dpkg = names_get(&db->names, "dpkg");

	if (dpkg && !dpkg->provided)
		return dpkg->package->arch;
	vector_foreach (pkg, &db->packages)
		if (strcmp((*pkg)->package.arch, "all") != 0)
			return (*pkg)->package.arch;
	return "all";
}

static int read_database(
	struct dpkg_db *db, struct dpkg_packages *known, struct error *err)
{
	if (read_packages(db, known, err) < 0)
		return -1;
	vector_foreach (pkg, known) {
		if (!(*pkg)->installed)
			continue;
		(*pkg)->package.index = db->packages.len;
		vector_push(&db->packages, *pkg);
		names_add(&db->names, &db->arena, &(*pkg)->package);
	}
	db->names.native_arch = native_arch(db);
	db->names.every_arch = "all";
	vector_foreach (pkg, &db->packages)
		if (add_provided(db, *pkg, err) < 0)
			return -1;
	return dpkg_diversions_read(db, err);
}

static int dpkg_open(
	const char *root, void **ret_db, struct package_set *ret_all, struct error *err)
{
	struct dpkg_db *db = xcalloc(1, sizeof(*db));
	CLEANUP(dpkg_packages_done) struct dpkg_packages known = {0};

	db->root = xstrdup(root);
	if (read_database(db, &known, err) < 0) {
		dpkg_close(db);
		return -1;
	}
	vector_foreach (pkg, &db->packages)
		vector_push(ret_all, &(*pkg)->package);
	*ret_db = db;
	return 0;
}

static const struct package *dpkg_find(void *data, const char *name)
{
	const struct names *names = &((struct dpkg_db *)data)->names;
	const char *colon = strchrnul(name, ':');
	CLEANUP_FREE char *bare = xstrndup(name, colon - name);
	bool any_arch = *colon == '\0' || strcmp(colon, ":any") == 0;

	const struct package *real = names_find(names, bare, any_arch ? NULL : colon + 1);
	return real || !any_arch ? real : names_find_provider(names, bare);
}

static bool arch_satisfies(const struct dpkg_db *db, const struct package *pkg,
	const struct relation *rel, const struct dpkg_package *depender)
{
	const struct names *names = &db->names;
	const char *arch = names_arch(names, pkg->arch), *want = rel->arch;

	if (!want) {
		if (db->packages.items[pkg->index]->multi_arch == DPKG_MULTI_ARCH_FOREIGN)
			return true;
		want = names_arch(names, depender->package.arch);
	} else if (strcmp(want, "native") == 0) {
		want = names->native_arch;
	}
	return strcmp(want, "any") == 0 || strcmp(arch, want) == 0;
}

static const struct package *find_satisfier(const struct dpkg_db *db,
	const struct relation *rel, const struct dpkg_package *depender)
{
	for (const struct named *e = names_get(&db->names, rel->name); e; e = e->next)
		if (arch_satisfies(db, e->package, rel, depender) &&
			relation_holds(rel, e->version, dpkg_version_compare))
			return e->package;
	return NULL;
}

static void warn_unsatisfied(const struct dpkg_package *pkg, const char *text, size_t len)
{
	while (len && strchr(" \t\n,", text[len - 1]))
		len--;
	log_warning("package '%s' depends on '%.*s', which is not installed: left out",
		pkg->package.name, (int)MIN(len, 500), text);
}

/* One field: of each group of alternatives, the first that is installed. */
static int satisfy_field(struct dpkg_db *db, const struct dpkg_package *pkg,
	const char *field, struct package_set *ret, struct error *err)
{
	const char *text = field;
	const char *group = field;
	const struct package *satisfier = NULL;
	struct relation rel;
	int r;

	if (!field)
		return 0;
	while ((r = dpkg_relation_next(&db->arena, &text, &rel, err)) > 0) {
		if (!satisfier)
			satisfier = find_satisfier(db, &rel, pkg);
		if (rel.or_next)
			continue;
		if (satisfier)
			vector_push(ret, satisfier);
		else
			warn_unsatisfied(pkg, group, text - group);
		satisfier = NULL;
		text += strspn(text, " \t\n");
		group = text;
	}
	return r;
}

static int dpkg_depends(void *data, const struct package *package,
	struct package_set *ret, struct error *err)
{
	struct dpkg_db *db = data;
	const struct dpkg_package *pkg = db->packages.items[package->index];

	if (satisfy_field(db, pkg, pkg->pre_depends, ret, err) < 0)
		return field_error(pkg, "Pre-Depends", err);
	if (satisfy_field(db, pkg, pkg->depends, ret, err) < 0)
		return field_error(pkg, "Depends", err);
	return 0;
}

static int dpkg_files(void *data, const struct package *package,
	const struct package_set *set, struct package_files *ret, struct error *err)
{
	struct dpkg_db *db = data;

	return dpkg_files_read(db, db->packages.items[package->index], set, ret, err);
}

static int dpkg_add_links(void *data, struct package_files *files, struct error *err)
{
	return dpkg_alternatives_read(data, files, err);
}

static void dpkg_watch_paths(const void *data, struct strvec *ret)
{
	const struct dpkg_db *db = data;
	/* In the directories, dpkg and update-alternatives replace files by renaming, which
	 * changes the directories. */
	static const char *const paths[] = {
		"/etc/alternatives",
		"/var/lib/dpkg/alternatives",
		"/var/lib/dpkg/diversions",
		"/var/lib/dpkg/info",
		"/var/lib/dpkg/status",
		"/var/lib/dpkg/updates",
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		strvec_addf(ret, "%s%s", db->root, paths[i]);
}

static const char *const default_packages[] = {"bash", "base-files", "base-passwd",
	"coreutils", "dash", "debianutils", "diffutils", "e2fsprogs", "fdisk",
	"findutils", "grep", "gzip", "hostname", "iproute2", "kmod", "libc-bin", "mount",
	"ncurses-base", "ncurses-bin", "procps", "sed", "tar", "util-linux", NULL};

const struct packages_handler dpkg_handler = {
	.name = "dpkg",
	.install_command = "apt-get install",
	.before_version = "_",
	.before_arch = "_",
	.default_packages = default_packages,
	.databases = databases,
	.open = dpkg_open,
	.close = dpkg_close,
	.find = dpkg_find,
	.depends = dpkg_depends,
	.files = dpkg_files,
	.add_links = dpkg_add_links,
	.watch_paths = dpkg_watch_paths,
};
