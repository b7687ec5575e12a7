/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dpkg handler: Debian, Ubuntu and what stems from them. Reads the database's files
 * (dpkg.h names them) once at the start, the file lists when they are asked for.
 *
 * The rules for which package satisfies a relation are dpkg's own, multi-arch included,
 * with one kindness: ":any" takes a package of any architecture. What is installed was
 * checked by dpkg.
 */
#include "packages/dpkg.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/directory.h"
#include "base/io.h"
#include "base/log.h"
#include "base/strbuf.h"

static const char *const databases[] = {"var/lib/dpkg/status", NULL};

static void dpkg_close(void *data)
{
	struct dpkg_db *db = data;

	vector_done(&db->packages);
	strmap_done(&db->by_name);
	strmap_done(&db->by_provided);
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
 * While dpkg works, and after it was killed, the newest stanzas are not in status but, in
 * order, in updates/0000, updates/0001 …
 */
static int read_journal(
	struct dpkg_db *db, struct dpkg_packages *packages, struct error *err)
{
	CLEANUP_FREE char *dir = xasprintf("%s/var/lib/dpkg/updates", db->root);
	struct dpkg_packages newer = {0};
	CLEANUP_STRVEC struct strvec names = {0};
	int r = 0;

	if (directory_list(AT_FDCWD, dir, 0, &names) < 0)
		return errno == ENOENT ? 0 : error_set(err, errno, "open '%s'", dir);
	vector_foreach (name, &names) {
		CLEANUP_FREE char *path = xasprintf("%s/%s", dir, *name);
		if (r == 0 && isdigit((unsigned char)**name))
			r = read_status(db, path, &newer, err);
	}
	vector_foreach (pkg, &newer)
		replace_package(packages, *pkg);
	vector_done(&newer);
	return r;
}

static void index_package(struct dpkg_db *db, struct dpkg_package *pkg)
{
	struct dpkg_package *first = strmap_get(&db->by_name, pkg->package.name);

	pkg->package.index = db->packages.len;
	vector_push(&db->packages, pkg);
	if (!first) {
		strmap_put(&db->by_name, pkg->package.name, pkg);
		return;
	}
	while (first->same_name)
		first = first->same_name;
	first->same_name = pkg;
}

static void add_provider(struct dpkg_db *db, const struct dpkg_package *pkg,
	const struct dpkg_relation *rel)
{
	struct dpkg_provider *provider = arena_alloc(&db->arena, sizeof(*provider));
	struct dpkg_provider *first = strmap_get(&db->by_provided, rel->name);

	*provider = (struct dpkg_provider){pkg, rel->version, NULL};
	if (!first) {
		strmap_put(&db->by_provided, rel->name, provider);
		return;
	}
	while (first->next)
		first = first->next;
	first->next = provider;
}

static int field_error(
	const struct dpkg_package *pkg, const char *field, struct error *err)
{
	return error_prefix(
		err, "dpkg's status of package '%s', field %s", pkg->package.name, field);
}

static int index_provides(
	struct dpkg_db *db, const struct dpkg_package *pkg, struct error *err)
{
	const char *text = pkg->provides;
	struct dpkg_relation rel;
	int r = 0;

	while (text && (r = dpkg_relation_next(&db->arena, &text, &rel, err)) > 0)
		add_provider(db, pkg, &rel);
	return r < 0 ? field_error(pkg, "Provides", err) : 0;
}

/* dpkg has its own architecture compiled in, and no file says it where there is only
 * one. */
static const char *native_arch(const struct dpkg_db *db)
{
	const struct dpkg_package *dpkg = strmap_get(&db->by_name, "dpkg");

	if (dpkg)
		return dpkg->package.arch;
	vector_foreach (pkg, &db->packages)
		if (strcmp((*pkg)->package.arch, "all") != 0)
			return (*pkg)->package.arch;
	return "all";
}

static int read_database(
	struct dpkg_db *db, struct dpkg_packages *known, struct error *err)
{
	CLEANUP_FREE char *status = xasprintf("%s/%s", db->root, databases[0]);

	if (read_status(db, status, known, err) < 0 || read_journal(db, known, err) < 0)
		return -1;
	vector_foreach (pkg, known) {
		if (!(*pkg)->installed)
			continue;
		index_package(db, *pkg);
		if (index_provides(db, *pkg, err) < 0)
			return -1;
	}
	db->native_arch = native_arch(db);
	return 0;
}

static int dpkg_open(
	const char *root, void **ret_db, struct package_set *ret_all, struct error *err)
{
	struct dpkg_db *db = xcalloc(1, sizeof(*db));
	struct dpkg_packages known = {0};

	db->root = xstrdup(root);
	int r = read_database(db, &known, err);
	vector_done(&known);
	if (r < 0) {
		dpkg_close(db);
		return -1;
	}
	vector_foreach (pkg, &db->packages)
		vector_push(ret_all, &(*pkg)->package);
	*ret_db = db;
	return 0;
}

/* "all" runs anywhere, so here it is the native one. */
static const char *effective_arch(const struct dpkg_db *db, const char *arch)
{
	return strcmp(arch, "all") == 0 ? db->native_arch : arch;
}

/* `arch` NULL: the native one is the best, any is good. */
static const struct dpkg_package *find_real(
	const struct dpkg_db *db, const char *name, const char *arch)
{
	const struct dpkg_package *first = strmap_get(&db->by_name, name);

	for (const struct dpkg_package *pkg = first; pkg; pkg = pkg->same_name) {
		const char *pkg_arch = pkg->package.arch;
		if (strcmp(effective_arch(db, pkg_arch), arch ? arch : db->native_arch) ==
				0 ||
			(arch && strcmp(pkg_arch, arch) == 0))
			return pkg;
	}
	return arch ? NULL : first;
}

static const struct package *dpkg_find(const void *data, const char *name)
{
	const struct dpkg_db *db = data;
	const char *colon = strchr(name, ':');
	CLEANUP_FREE char *bare =
		xstrndup(name, colon ? (size_t)(colon - name) : strlen(name));
	bool any_arch = !colon || strcmp(colon, ":any") == 0;

	const struct dpkg_package *real =
		find_real(db, bare, any_arch ? NULL : colon + 1);
	if (real)
		return &real->package;
	const struct dpkg_provider *provider = strmap_get(&db->by_provided, bare);
	if (!provider || !any_arch)
		return NULL;
	log_info("packages: '%s' is provided by '%s'", name,
		provider->package->package.name);
	return &provider->package->package;
}

static bool arch_satisfies(const struct dpkg_db *db, const struct dpkg_package *pkg,
	const struct dpkg_relation *rel, const struct dpkg_package *depender)
{
	const char *arch = effective_arch(db, pkg->package.arch);

	if (!rel->arch)
		return pkg->multi_arch == DPKG_MULTI_ARCH_FOREIGN ||
			strcmp(arch, effective_arch(db, depender->package.arch)) == 0;
	if (strcmp(rel->arch, "any") == 0)
		return true;
	return strcmp(arch,
		       strcmp(rel->arch, "native") == 0 ? db->native_arch : rel->arch) ==
		0;
}

static const struct dpkg_package *find_satisfier(const struct dpkg_db *db,
	const struct dpkg_relation *rel, const struct dpkg_package *depender)
{
	const struct dpkg_package *pkg = strmap_get(&db->by_name, rel->name);
	for (; pkg; pkg = pkg->same_name)
		if (arch_satisfies(db, pkg, rel, depender) &&
			dpkg_version_satisfies(pkg->package.version, rel))
			return pkg;

	const struct dpkg_provider *provider = strmap_get(&db->by_provided, rel->name);
	for (; provider; provider = provider->next)
		if (arch_satisfies(db, provider->package, rel, depender) &&
			dpkg_version_satisfies(provider->version, rel))
			return provider->package;
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
	const struct dpkg_package *satisfier = NULL;
	struct dpkg_relation rel;
	int r;

	if (!field)
		return 0;
	while ((r = dpkg_relation_next(&db->arena, &text, &rel, err)) > 0) {
		if (!satisfier)
			satisfier = find_satisfier(db, &rel, pkg);
		if (rel.or_next)
			continue;
		if (satisfier)
			vector_push(ret, &satisfier->package);
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

static int dpkg_files(void *data, const struct package_set *set,
	struct package_files *ret, struct error *err)
{
	struct dpkg_db *db = data;
	CLEANUP(dpkg_diversions_done) struct dpkg_diversions diversions = {0};

	if (dpkg_diversions_read(db, &diversions, err) < 0)
		return -1;
	vector_foreach (item, set) {
		const struct dpkg_package *pkg = db->packages.items[(*item)->index];
		if (dpkg_files_read(db, pkg, &diversions, ret, err) < 0)
			return -1;
	}
	package_files_sort(ret);
	return dpkg_alternatives_read(db, ret, err);
}

static int dpkg_owner(
	void *data, const char *path, const struct package **ret, struct error *err)
{
	struct dpkg_db *db = data;
	CLEANUP(dpkg_diversions_done) struct dpkg_diversions diversions = {0};

	if (dpkg_diversions_read(db, &diversions, err) < 0)
		return -1;
	vector_foreach (pkg, &db->packages) {
		CLEANUP(package_files_done) struct package_files files = {0};
		if (dpkg_files_read(db, *pkg, &diversions, &files, err) < 0)
			return -1;
		if (package_files_list(&files, path)) {
			*ret = &(*pkg)->package;
			return 0;
		}
	}
	return 0;
}

static void dpkg_watch_paths(const void *data, struct strvec *ret)
{
	const struct dpkg_db *db = data;
	/* In the directories, dpkg and update-alternatives replace files by renaming. */
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
	.owner = dpkg_owner,
	.watch_paths = dpkg_watch_paths,
};
