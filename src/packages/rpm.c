/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rpm handler: Fedora, RHEL, SUSE and their derivatives. librpm finds headers, files and
 * providers by the database's own indexes; we keep names and numbers.
 *
 * Weak dependencies are not followed. Those of installation scripts are: what the scripts
 * have installed may need them too.
 */
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "packages/rpm-db.h"

static void rpm_close(void *data)
{
	rpm_db_close(data);
}

static int rpm_open(
	const char *root, void **ret_db, struct package_set *ret_all, struct error *err)
{
	struct rpm_db *db = rpm_db_open(root, err);

	if (!db)
		return -1;
	vector_foreach (pkg, &db->packages)
		vector_push(ret_all, &(*pkg)->package);
	*ret_db = db;
	return 0;
}

static const struct package *find_provider(struct rpm_db *db, const char *name)
{
	CLEANUP(package_set_done) struct package_set found = {0};
	rpmds dependency =
		rpm.rpmdsSinglePool(db->pool, RPMTAG_REQUIRENAME, name, "", RPMSENSE_ANY);

	rpm_satisfy(db, NULL, dependency, &found);
	rpm.rpmdsFree(dependency);
	if (!found.len)
		return NULL;
	log_info("packages: '%s' is provided by '%s'", name, found.items[0]->name);
	return found.items[0];
}

static const struct package *rpm_find(void *data, const char *name)
{
	struct rpm_db *db = data;
	const char *dot = strrchr(name, '.');
	const struct package *pkg = names_find(&db->names, name, NULL);

	if (!pkg && dot) {
		CLEANUP_FREE char *bare = xstrndup(name, dot - name);
		pkg = names_find(&db->names, bare, dot + 1);
	}
	return pkg || !*name ? pkg : find_provider(db, name);
}

/* The header of a package is valid as long as the iterator. */
static Header get_header(
	struct rpm_db *db, const struct package *package, rpmdbMatchIterator *ret)
{
	unsigned instance = db->packages.items[package->index]->instance;

	*ret = rpm.rpmtsInitIterator(
		db->ts, RPMDBI_PACKAGES, &instance, sizeof(instance));
	return rpm.rpmdbNextIterator(*ret);
}

static int no_header(
	const struct rpm_db *db, const struct package *package, struct error *err)
{
	if (rpm_db_check(db, err) < 0)
		return -1;
	return error_set(err, 0,
		"rpm's database in '%s/%s': package '%s' is gone from it", db->root,
		db->directory, package->name);
}

static int rpm_depends(void *data, const struct package *package, struct package_set *ret,
	struct error *err)
{
	struct rpm_db *db = data;
	rpmdbMatchIterator match;
	Header h = get_header(db, package, &match);
	rpmds required = h ? rpm.rpmdsNewPool(db->pool, h, RPMTAG_REQUIRENAME, 0) : NULL;

	while (required && rpm.rpmdsNext(required) >= 0) {
		if (rpm.rpmdsFlags(required) & (RPMSENSE_RPMLIB | RPMSENSE_MISSINGOK))
			continue;
		/* A dependency's text begins with a letter for its kind: "R bash >= 4". */
		if (!rpm_satisfy(db, package, required, ret))
			log_warning("package '%s' depends on '%.500s', which is not "
				    "installed: left out",
				package->name, rpm.rpmdsDNEVR(required) + 2);
	}
	rpm.rpmdsFree(required);
	rpm.rpmdbFreeIterator(match);
	return h ? rpm_db_check(db, err) : no_header(db, package, err);
}

/*
 * A ghost is a file that a package owns without containing it. A link, as the alternatives
 * system makes it, is needed to run the package; a regular file (a log, a cache) is not.
 */
static bool is_needless_ghost(const struct rpm_db *db, const char *path)
{
	CLEANUP_FREE char *full = xasprintf("%s%s", db->root, path);
	struct stat st;

	return lstat(full, &st) < 0 || S_ISREG(st.st_mode);
}

static void add_files(struct rpm_db *db, const struct package *package, rpmfiles list,
	struct package_files *ret)
{
	for (int i = 0; i < (int)rpm.rpmfilesFC(list); i++) {
		CLEANUP_FREE char *path = rpm.rpmfilesFN(list, i);
		rpmfileState state = rpm.rpmfilesFState(list, i);
		rpmfileAttrs flags = rpm.rpmfilesFFlags(list, i);
		bool is_config = flags & RPMFILE_CONFIG;
		/* Documentation may not have been installed, or another package's file is
		 * in its place. */
		if (!path || path[0] != '/' ||
			(state != RPMFILE_STATE_MISSING && !RPMFILE_IS_INSTALLED(state)))
			continue;
		if (flags & RPMFILE_GHOST && !is_config && is_needless_ghost(db, path))
			continue;
		vector_push(ret,
			(struct package_file){.path = arena_strdup(&db->arena, path),
				.is_config = is_config,
				.package = package});
	}
}

static int rpm_files(void *data, const struct package *package,
	const struct package_set *set, struct package_files *ret, struct error *err)
{
	struct rpm_db *db = data;
	rpmdbMatchIterator match;
	Header h = get_header(db, package, &match);

	(void)set;
	if (h) {
		rpmfiles list = rpm.rpmfilesNew(NULL, h, RPMTAG_BASENAMES, 0);
		add_files(db, package, list, ret);
		rpm.rpmfilesFree(list);
	}
	rpm.rpmdbFreeIterator(match);
	return h ? rpm_db_check(db, err) : no_header(db, package, err);
}

static int rpm_owner(
	void *data, const char *path, const struct package **ret, struct error *err)
{
	struct rpm_db *db = data;
	rpmdbMatchIterator matches =
		rpm.rpmtsInitIterator(db->ts, RPMDBI_INSTFILENAMES, path, 0);
	Header h;

	while ((h = rpm.rpmdbNextIterator(matches))) {
		const struct package *pkg = rpm_db_package(db, h);
		if (pkg)
			*ret = pkg;
	}
	rpm.rpmdbFreeIterator(matches);
	return rpm_db_check(db, err);
}

/* sqlite writes to a file beside the database, and merges it later. */
static void rpm_watch_paths(const void *data, struct strvec *ret)
{
	const struct rpm_db *db = data;

	for (const char *const *path = rpm_databases; *path; path++)
		strvec_addf(ret, "%s/%s", db->root, *path);
	strvec_addf(ret, "%s/%s/rpmdb.sqlite-wal", db->root, db->directory);
}

/* The names of Fedora and its relatives, and of SUSE's where they differ. */
static const char *const default_packages[] = {"bash", "coreutils", "diffutils",
	"e2fsprogs", "filesystem", "findutils", "gawk", "grep", "gzip", "hostname",
	"iproute", "iproute2", "kmod", "ncurses", "procps", "procps-ng", "sed", "setup",
	"tar", "util-linux", NULL};

const struct packages_handler rpm_handler = {
	.name = "rpm",
	.install_command = "dnf install",
	.before_version = "-",
	.before_arch = ".",
	.default_packages = default_packages,
	.databases = rpm_databases,
	.open = rpm_open,
	.close = rpm_close,
	.find = rpm_find,
	.depends = rpm_depends,
	.files = rpm_files,
	.owner = rpm_owner,
	.watch_paths = rpm_watch_paths,
};
