/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding and opening rpm's database, and reading which packages it has. */
#include "packages/rpm-db.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int rpm_db_check(const struct rpm_db *db, struct error *err)
{
	const char *complaint = rpm_library_complaint();

	if (!complaint)
		return 0;
	return error_set(err, 0, "rpm's database in '%s/%s': %s", db->root, db->directory,
		complaint);
}

static void instance_key(unsigned instance, char ret[static 16])
{
	snprintf(ret, 16, "%u", instance);
}

const struct package *rpm_db_package(const struct rpm_db *db, Header h)
{
	char key[16];

	instance_key(rpm.headerGetInstance(h), key);
	const struct rpm_package *pkg = strmap_get(&db->by_instance, key);
	return pkg ? &pkg->package : NULL;
}

/* "EPOCH:VERSION-RELEASE"; an epoch of 0 is none. */
static const char *read_version(struct rpm_db *db, Header h)
{
	CLEANUP_FREE char *text = rpm.headerGetAsString(h, RPMTAG_EVR);
	size_t skip = text && strncmp(text, "0:", 2) == 0 ? 2 : 0;

	return arena_strdup(&db->arena, text ? text + skip : "");
}

/* A header without an architecture is a key that signs packages. */
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
	/* There may be several, of kernels for instance: the latest one is first. */
	return diff ? diff
		    : (pa->instance < pb->instance) - (pa->instance > pb->instance);
}

/* The architecture of most packages: no file says what the system's is. */
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
		struct rpm_package *pkg = db->packages.items[i];
		char key[16];
		pkg->package.index = i;
		names_add(&db->names, &db->arena, &pkg->package);
		instance_key(pkg->instance, key);
		strmap_put(&db->by_instance, arena_strdup(&db->arena, key), pkg);
	}
	db->names.native_arch = native_arch(db);
	return 0;
}

static int find_directory(struct rpm_db *db, bool *ret_is_sqlite, struct error *err)
{
	for (const char *const *path = rpm_databases; *path; path++) {
		CLEANUP_FREE char *full = xasprintf("%s/%s", db->root, *path);
		const char *name = strrchr(*path, '/');
		struct stat st;
		if (stat(full, &st) < 0)
			continue;
		/* librpm would wait for a FIFO's writer. */
		if (!S_ISREG(st.st_mode))
			return error_set(
				err, 0, "open '%s': it is not a regular file", full);
		db->directory = arena_strndup(&db->arena, *path, name - *path);
		*ret_is_sqlite = strcmp(name, "/rpmdb.sqlite") == 0;
		return 0;
	}
	return error_set(err, ENOENT, "find rpm's database below '%s/'", db->root);
}

/* Open the database in this directory, and read what all functions need. */
static int read_database(struct rpm_db *db, const char *path, struct error *err)
{
	CLEANUP_FREE char *macro = xasprintf("_dbpath %s", path);

	rpm.rpmDefineMacro(NULL, macro, RMIL_CMDLINE);
	db->pool = rpm.rpmstrPoolCreate();
	db->ts = rpm.rpmtsCreate();
	/* Signatures were checked at installation; digests show damage. */
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
	if (rpm_copy_begin(path, &copy, err) < 0)
		return -1;
	int result = read_database(db, copy.temporary, err);
	/* All files are open now. */
	replacement_done(&copy);
	return result;
}

struct rpm_db *rpm_db_open(const char *root, struct error *err)
{
	if (rpm_library_load(err) < 0)
		return NULL;
	struct rpm_db *db = xcalloc(1, sizeof(*db));
	db->root = xstrdup(root);
	if (open_database(db, err) < 0) {
		rpm_db_close(db);
		return NULL;
	}
	return db;
}

void rpm_db_close(struct rpm_db *db)
{
	rpm.rpmtsFree(db->ts);
	rpm.rpmstrPoolFree(db->pool);
	vector_done(&db->packages);
	names_done(&db->names);
	strmap_done(&db->by_instance);
	strmap_foreach (slot, &db->satisfied)
		package_set_done(slot->value);
	strmap_done(&db->satisfied);
	arena_done(&db->arena);
	free(db->root);
	free(db);
}
