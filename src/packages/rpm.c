/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rpm handler: Fedora, RHEL, SUSE and what stems from them. librpm finds a package's
 * header, the files in it, and who provides what by the database's own indexes; we keep
 * names and numbers.
 *
 * Weak dependencies are not followed. Those of installation scripts are: what has been
 * installed by them may need them again.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "packages/rpm-db.h"

static void rpm_close(void *data)
{
	struct rpm_db *db = data;

	rpm.rpmtsFree(db->ts);
	rpm.rpmstrPoolFree(db->pool);
	vector_done(&db->packages);
	strmap_done(&db->by_name);
	strmap_done(&db->by_instance);
	rpm_satisfied_done(db);
	arena_done(&db->arena);
	free(db->root);
	free(db);
}

int rpm_db_check(const struct rpm_db *db, struct error *err)
{
	const char *complaint = rpm_library_complaint();

	if (!complaint)
		return 0;
	return error_set(err, 0, "rpm's database in '%s/%s': %s", db->root, db->directory,
		complaint);
}

/* ---- Reading ---- */

static void instance_key(unsigned instance, char ret[static 16])
{
	snprintf(ret, 16, "%u", instance);
}

const struct rpm_package *rpm_db_package(const struct rpm_db *db, Header h)
{
	char key[16];

	instance_key(rpm.headerGetInstance(h), key);
	return strmap_get(&db->by_instance, key);
}

/* "EPOCH:VERSION-RELEASE"; an epoch of 0 is none. */
static const char *read_version(struct rpm_db *db, Header h)
{
	CLEANUP_FREE char *text = rpm.headerGetAsString(h, RPMTAG_EVR);
	size_t skip = text && strncmp(text, "0:", 2) == 0 ? 2 : 0;

	return arena_strdup(&db->arena, text ? text + skip : "");
}

/* What has no architecture is a key that signs packages. */
static void read_package(struct rpm_db *db, Header h)
{
	const char *name = rpm.headerGetString(h, RPMTAG_NAME);
	const char *arch = rpm.headerGetString(h, RPMTAG_ARCH);

	if (!name || !arch)
		return;
	struct rpm_package *pkg = arena_alloc(&db->arena, sizeof(*pkg));
	*pkg = (struct rpm_package){
		.package =
			{
				.name = arena_strdup(&db->arena, name),
				.version = read_version(db, h),
				.arch = arena_strdup(&db->arena, arch),
			},
		.instance = rpm.headerGetInstance(h),
	};
	vector_push(&db->packages, pkg);
}

static int compare_packages(const void *a, const void *b)
{
	const struct rpm_package *pa = *(struct rpm_package *const *)a;
	const struct rpm_package *pb = *(struct rpm_package *const *)b;
	int diff = strcmp(pa->package.name, pb->package.name);

	if (!diff)
		diff = strcmp(pa->package.arch, pb->package.arch);
	/* Of kernels, say, there may be several: the one installed last is first. */
	return diff ? diff
		    : (pa->instance < pb->instance) - (pa->instance > pb->instance);
}

static void index_package(struct rpm_db *db, struct rpm_package *pkg)
{
	struct rpm_package *first = strmap_get(&db->by_name, pkg->package.name);
	char key[16];

	instance_key(pkg->instance, key);
	strmap_put(&db->by_instance, arena_strdup(&db->arena, key), pkg);
	if (!first) {
		strmap_put(&db->by_name, pkg->package.name, pkg);
		return;
	}
	while (first->same_name)
		first = first->same_name;
	first->same_name = pkg;
}

/* The one that most packages have that have any: no file says what the system's is. */
static const char *native_arch(const struct rpm_db *db)
{
	CLEANUP(strmap_done) struct strmap counts = {0};
	const char *best = "noarch";
	size_t best_count = 0;

	vector_foreach (pkg, &db->packages) {
		const char *arch = (*pkg)->package.arch;
		size_t count = (size_t)strmap_get(&counts, arch) + 1;
		strmap_put(&counts, arch, (void *)count);
		if (strcmp(arch, "noarch") != 0 && count > best_count) {
			best = arch;
			best_count = count;
		}
	}
	return best;
}

static int read_packages(struct rpm_db *db, struct error *err)
{
	rpmdbMatchIterator all = rpm.rpmtsInitIterator(db->ts, RPMDBI_PACKAGES, NULL, 0);
	Header h;

	while ((h = rpm.rpmdbNextIterator(all)))
		read_package(db, h);
	rpm.rpmdbFreeIterator(all);
	if (rpm_db_check(db, err) < 0)
		return -1;
	vector_sort(&db->packages, compare_packages);
	for (size_t i = 0; i < db->packages.len; i++) {
		db->packages.items[i]->package.index = i;
		index_package(db, db->packages.items[i]);
	}
	db->native_arch = native_arch(db);
	return 0;
}

/* ---- Opening ---- */

static int find_directory(struct rpm_db *db, bool *ret_is_sqlite, struct error *err)
{
	for (const char *const *path = rpm_databases; *path; path++) {
		CLEANUP_FREE char *full = xasprintf("%s/%s", db->root, *path);
		const char *name = strrchr(*path, '/');
		if (access(full, F_OK) < 0)
			continue;
		db->directory = arena_strndup(&db->arena, *path, name - *path);
		*ret_is_sqlite = strcmp(name, "/rpmdb.sqlite") == 0;
		return 0;
	}
	return error_set(err, ENOENT, "find rpm's database below '%s/'", db->root);
}

/* Open the one in this directory, and read what all questions need. */
static int read_database(struct rpm_db *db, const char *path, struct error *err)
{
	CLEANUP_FREE char *macro = xasprintf("_dbpath %s", path);

	rpm.rpmDefineMacro(NULL, macro, RMIL_CMDLINE);
	db->pool = rpm.rpmstrPoolCreate();
	db->ts = rpm.rpmtsCreate();
	/* Signatures were checked when it was installed; the digests show damage. */
	rpm.rpmtsSetVSFlags(db->ts, RPMVSF_MASK_NOSIGNATURES);
	int result = rpm.rpmtsOpenDB(db->ts, O_RDONLY);
	if (rpm_db_check(db, err) < 0)
		return -1;
	if (result != 0)
		return error_set(err, 0, "open rpm's database in '%s/%s'", db->root,
			db->directory);
	return read_packages(db, err);
}

static int open_database(struct rpm_db *db, struct error *err)
{
	bool is_sqlite = false;

	if (find_directory(db, &is_sqlite, err) < 0)
		return -1;
	CLEANUP_FREE char *path = xasprintf("%s/%s", db->root, db->directory);
	if (!is_sqlite) {
		CLEANUP_FREE char *real = realpath(path, NULL);
		return read_database(db, real ? real : path, err);
	}
	struct replacement copy;
	if (rpm_snapshot_begin(path, &copy, err) < 0)
		return -1;
	int result = read_database(db, copy.temporary, err);
	/* Everything is open now, and needs no names any more. */
	replacement_done(&copy);
	return result;
}

static int rpm_open(
	const char *root, void **ret_db, struct package_set *ret_all, struct error *err)
{
	if (rpm_library_load(err) < 0)
		return -1;
	struct rpm_db *db = xcalloc(1, sizeof(*db));
	db->root = xstrdup(root);
	if (open_database(db, err) < 0) {
		rpm_close(db);
		return -1;
	}
	vector_foreach (pkg, &db->packages)
		vector_push(ret_all, &(*pkg)->package);
	*ret_db = db;
	return 0;
}

/* ---- Answers ---- */

/* `arch` NULL: the native one is the best, any is good. */
static const struct package *find_real(
	const struct rpm_db *db, const char *name, const char *arch)
{
	const struct rpm_package *first = strmap_get(&db->by_name, name);

	for (const struct rpm_package *pkg = first; pkg; pkg = pkg->same_name)
		if (strcmp(pkg->package.arch, arch ? arch : db->native_arch) == 0)
			return &pkg->package;
	return first && !arch ? &first->package : NULL;
}

static const struct package *find_with_arch(const struct rpm_db *db, const char *name)
{
	const char *dot = strrchr(name, '.');

	if (!dot)
		return NULL;
	CLEANUP_FREE char *bare = xstrndup(name, dot - name);
	return find_real(db, bare, dot + 1);
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

static const struct package *rpm_find(const void *data, const char *name)
{
	struct rpm_db *db = (struct rpm_db *)data; /* what is looked up is kept there */
	const struct package *pkg = find_real(db, name, NULL);

	if (!pkg)
		pkg = find_with_arch(db, name);
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

static void satisfy_all(struct rpm_db *db, const struct rpm_package *pkg, rpmds required,
	struct package_set *ret)
{
	while (rpm.rpmdsNext(required) >= 0) {
		if (rpm.rpmdsFlags(required) & (RPMSENSE_RPMLIB | RPMSENSE_MISSINGOK))
			continue;
		/* Its text begins with a letter for the kind: "R bash >= 4". */
		if (!rpm_satisfy(db, pkg, required, ret))
			log_warning("package '%s' depends on '%.500s', which is not "
				    "installed: left out",
				pkg->package.name, rpm.rpmdsDNEVR(required) + 2);
	}
}

static int rpm_depends(void *data, const struct package *package, struct package_set *ret,
	struct error *err)
{
	struct rpm_db *db = data;
	rpmdbMatchIterator match;
	Header h = get_header(db, package, &match);

	if (h) {
		rpmds required = rpm.rpmdsNewPool(db->pool, h, RPMTAG_REQUIRENAME, 0);
		satisfy_all(db, db->packages.items[package->index], required, ret);
		rpm.rpmdsFree(required);
	}
	rpm.rpmdbFreeIterator(match);
	return h ? rpm_db_check(db, err) : no_header(db, package, err);
}

/*
 * A ghost is a file that a package answers for without bringing it. A link, as those of
 * the alternatives system are, belongs to what it needs to run; a log or a cache does
 * not.
 */
static bool is_made_by_scripts(const struct rpm_db *db, const char *path)
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
		/* Documentation may have been left out, or another package's file be in
		 * its place. */
		if (!path || path[0] != '/' ||
			(state != RPMFILE_STATE_MISSING && !RPMFILE_IS_INSTALLED(state)))
			continue;
		if (flags & RPMFILE_GHOST && !is_config && is_made_by_scripts(db, path))
			continue;
		vector_push(ret,
			(struct package_file){
				arena_strdup(&db->arena, path), is_config, package});
	}
}

static int rpm_files(void *data, const struct package_set *set, struct package_files *ret,
	struct error *err)
{
	struct rpm_db *db = data;

	vector_foreach (package, set) {
		rpmdbMatchIterator match;
		Header h = get_header(db, *package, &match);
		if (h) {
			rpmfiles list = rpm.rpmfilesNew(NULL, h, RPMTAG_BASENAMES, 0);
			add_files(db, *package, list, ret);
			rpm.rpmfilesFree(list);
		}
		rpm.rpmdbFreeIterator(match);
		if (!h)
			return no_header(db, *package, err);
	}
	return rpm_db_check(db, err);
}

static int rpm_owner(
	void *data, const char *path, const struct package **ret, struct error *err)
{
	struct rpm_db *db = data;
	rpmdbMatchIterator matches =
		rpm.rpmtsInitIterator(db->ts, RPMDBI_INSTFILENAMES, path, 0);
	Header h;

	while ((h = rpm.rpmdbNextIterator(matches))) {
		const struct rpm_package *pkg = rpm_db_package(db, h);
		if (pkg)
			*ret = &pkg->package;
	}
	rpm.rpmdbFreeIterator(matches);
	return rpm_db_check(db, err);
}

/* sqlite writes beside the database, and moves that into it later. */
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
