/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Choosing the package manager's handler, and what is the same for all handlers: the
 * closure over dependencies, sets of files, and explaining a name that is not installed.
 */
#include "packages/packages.h"

#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "packages/handler.h"

static const struct packages_handler *const handlers[] = {
	&dpkg_handler,
	&pacman_handler,
	&rpm_handler,
};

struct packages {
	const struct packages_handler *handler;
	void *db;
	struct package_set all;
	char *root; /* without a slash at its end */
};

/* ---- Choosing the database ---- */

static bool handler_in_use(const struct packages_handler *handler, const char *root)
{
	for (const char *const *path = handler->databases; *path; path++) {
		CLEANUP_FREE char *full = xasprintf("%s/%s", root, *path);
		if (access(full, F_OK) == 0)
			return true;
	}
	return false;
}

void packages_managers(const char *root, packages_manager_fn *fn, void *data)
{
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		fn(handlers[i]->name, handler_in_use(handlers[i], root), data);
}

static int no_database(const char *root, struct error *err)
{
	CLEANUP_STRBUF struct strbuf looked = {0};

	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		for (const char *const *path = handlers[i]->databases; *path; path++)
			strbuf_addf(
				&looked, "%s%s/%s", looked.len ? ", " : "", root, *path);
	return error_set(err, 0, "no package database that can be read: there is no %s",
		looked.data);
}

static void close_database(struct packages *p)
{
	if (p->handler)
		p->handler->close(p->db);
	package_set_done(&p->all);
}

/* Open a manager's database, and take it if it has more packages than `best`. */
static int consider(
	const struct packages_handler *handler, struct packages *best, struct error *err)
{
	struct packages p = {.handler = handler, .root = best->root};

	if (handler->open(p.root, &p.db, &p.all, err) < 0)
		return -1;
	log_info("packages: %s, %zu installed", handler->name, p.all.len);
	if (best->handler && p.all.len <= best->all.len) {
		close_database(&p);
	} else {
		close_database(best);
		*best = p;
	}
	return 0;
}

/* A database that can't be read is an error only if there is no other: it may be a leftover
 * of a tool that was tried out. */
static int choose(struct packages *p, struct error *err)
{
	CLEANUP_STRVEC struct strvec problems = {0};
	struct error why;

	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		if (handler_in_use(handlers[i], p->root) &&
			consider(handlers[i], p, &why) < 0)
			strvec_add(&problems, why.msg);
	if (!p->handler && problems.len)
		return error_set(err, 0, "%-s", problems.items[0]);
	if (!p->handler)
		return no_database(p->root, err);
	vector_foreach (problem, &problems)
		log_warning(
			"taking packages from %s alone: %-s", p->handler->name, *problem);
	return 0;
}

int packages_open(const char *root, struct packages **ret, struct error *err)
{
	struct packages *p = xcalloc(1, sizeof(*p));

	p->root = xstrndup(root, path_trimmed_len(root, strlen(root)));
	if (choose(p, err) < 0) {
		packages_close(p);
		return -1;
	}
	*ret = p;
	return 0;
}

void packages_close(struct packages *p)
{
	if (!p)
		return;
	close_database(p);
	free(p->root);
	free(p);
}

const char *packages_manager(const struct packages *p)
{
	return p->handler->name;
}

const char *const *packages_defaults(const struct packages *p)
{
	return p->handler->default_packages;
}

size_t packages_count(const struct packages *p)
{
	return p->all.len;
}

/* ---- Names ---- */

const struct package *packages_find(const struct packages *p, const char *name)
{
	return p->handler->find(p->db, name);
}

char *packages_label(const struct packages *p, const struct package *pkg)
{
	static const char separators[] = ":.";

	if (packages_find(p, pkg->name) == pkg)
		return xstrdup(pkg->name);
	for (const char *separator = separators; *separator; separator++) {
		CLEANUP_FREE char *label =
			xasprintf("%s%c%s", pkg->name, *separator, pkg->arch);
		if (packages_find(p, label) == pkg)
			return TAKE_PTR(label);
	}
	return xstrdup(pkg->name);
}

char *packages_full_name(const struct packages *p, const struct package *pkg)
{
	return xasprintf("%s%s%s%s%s", pkg->name, p->handler->before_version,
		pkg->version, p->handler->before_arch, pkg->arch);
}

/* Search all packages' files. */
static int search_owner(struct packages *p, const char *path, const struct package **ret,
	struct error *err)
{
	CLEANUP(package_files_done) struct package_files files = {0};

	vector_foreach (pkg, &p->all) {
		files.len = 0;
		if (p->handler->files(p->db, *pkg, &p->all, &files, err) < 0)
			return -1;
		vector_foreach (file, &files)
			if (strcmp(file->path, path) == 0) {
				*ret = *pkg;
				return 0;
			}
	}
	return 0;
}

/*
 * Where /bin is a link to /usr/bin, a package may list a file by one of these names while
 * the caller asks for the other.
 */
static int owner_either_way(struct packages *p, const char *path,
	const struct package **ret, struct error *err)
{
	const struct package *pkg = NULL;
	bool in_usr = strncmp(path, "/usr/", 5) == 0;
	CLEANUP_FREE char *other =
		xasprintf("%s%s", in_usr ? "" : "/usr", path + 4 * in_usr);
	const char *const spellings[] = {path, other};

	for (size_t i = 0; i < ARRAY_SIZE(spellings) && !pkg; i++) {
		int r = p->handler->owner
			? p->handler->owner(p->db, spellings[i], &pkg, err)
			: search_owner(p, spellings[i], &pkg, err);
		if (r < 0)
			return -1;
	}
	if (!pkg)
		return 1;
	*ret = pkg;
	return 0;
}

int packages_owner(struct packages *p, const char *path, const struct package **ret,
	struct error *err)
{
	CLEANUP_FREE char *full = xasprintf("%s%s", p->root, path);
	struct stat st;

	if (stat(full, &st) < 0 || S_ISDIR(st.st_mode))
		return 1; /* a directory belongs to many */
	int result = owner_either_way(p, path, ret, err);
	if (result != 1)
		return result;
	CLEANUP_FREE char *real = realpath(full, NULL);
	size_t root_len = strlen(p->root);
	if (!real || strncmp(real, p->root, root_len) != 0 || real[root_len] != '/')
		return 1;
	return owner_either_way(p, real + root_len, ret, err);
}

/* Edit distance. If it is above `limit`, any number above it may be returned. */
static size_t distance(const char *a, const char *b, size_t limit)
{
	size_t b_len = strlen(b);
	size_t row[64];

	if (b_len >= ARRAY_SIZE(row))
		return limit + 1;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < b_len; j++) {
			size_t replaced = diagonal + (a[i] != b[j]);
			diagonal = row[j + 1];
			row[j + 1] = MIN(replaced, MIN(row[j], diagonal) + 1);
		}
	}
	return row[b_len];
}

/* The installed name that the user most likely meant: at most a third of it is wrong. */
static const char *similar_name(const struct packages *p, const char *name)
{
	const char *best = NULL;
	size_t limit = MAX(strlen(name) / 3, 1);

	vector_foreach (pkg, &p->all) {
		size_t d = distance(name, (*pkg)->name, limit);
		if (d > limit || (best && d == limit))
			continue;
		best = (*pkg)->name;
		limit = d;
	}
	return best;
}

static int not_installed(const struct packages *p, const char *name, struct error *err)
{
	const char *similar = similar_name(p, name);

	if (similar)
		return error_set(err, 0,
			"package '%s' is not installed; '%s' is. Did you mean that, or "
			"else install it first: %s %s",
			name, similar, p->handler->install_command, name);
	return error_set(err, 0, "package '%s' is not installed. Install it first: %s %s",
		name, p->handler->install_command, name);
}

/* ---- The closure ---- */

static void add_once(struct package_set *set, bool *seen, const struct package *pkg)
{
	if (seen[pkg->index])
		return;
	seen[pkg->index] = true;
	vector_push(set, pkg);
}

/* The set is the work list too: each package in it is asked once for what it needs. */
static int close_over(
	struct packages *p, struct package_set *set, bool *seen, struct error *err)
{
	CLEANUP(package_set_done) struct package_set needed = {0};

	for (size_t i = 0; i < set->len; i++) {
		needed.len = 0;
		if (p->handler->depends(p->db, set->items[i], &needed, err) < 0)
			return -1;
		vector_foreach (pkg, &needed)
			add_once(set, seen, *pkg);
	}
	return 0;
}

static int compare_packages(const void *a, const void *b)
{
	const struct package *pa = *(const struct package *const *)a;
	const struct package *pb = *(const struct package *const *)b;
	int diff = strcmp(pa->name, pb->name);

	return diff ? diff : strcmp(pa->arch, pb->arch);
}

int packages_resolve(struct packages *p, const char *const *names, size_t n,
	struct package_set *ret, struct error *err)
{
	CLEANUP(package_set_done) struct package_set set = {0};
	CLEANUP_FREE bool *seen = xcalloc(packages_count(p), sizeof(*seen));

	for (size_t i = 0; i < n; i++) {
		const struct package *pkg = p->handler->find(p->db, names[i]);
		if (!pkg)
			return not_installed(p, names[i], err);
		add_once(&set, seen, pkg);
	}
	if (close_over(p, &set, seen, err) < 0)
		return -1;
	vector_sort(&set, compare_packages);
	*ret = set;
	set = (struct package_set){0};
	return 0;
}

void package_set_done(struct package_set *set)
{
	vector_done(set);
}

/* ---- Files ---- */

static int compare_files(const void *a, const void *b)
{
	const struct package_file *fa = a;
	const struct package_file *fb = b;

	return strcmp(fa->path, fb->path);
}

void package_files_sort(struct package_files *files)
{
	size_t kept = 0;

	vector_sort(files, compare_files);
	for (size_t i = 0; i < files->len; i++) {
		const struct package_file *file = &files->items[i];
		if (kept && strcmp(files->items[kept - 1].path, file->path) == 0)
			files->items[kept - 1].is_config &= file->is_config;
		else
			files->items[kept++] = *file;
	}
	files->len = kept;
}

bool package_files_contain(const struct package_files *files, const char *path)
{
	const struct package_file key = {.path = path};

	return files->len &&
		bsearch(&key, files->items, files->len, sizeof(key), compare_files);
}

int packages_files(struct packages *p, const struct package_set *set,
	struct package_files *ret, struct error *err)
{
	CLEANUP(package_files_done) struct package_files files = {0};

	vector_foreach (pkg, set)
		if (p->handler->files(p->db, *pkg, set, &files, err) < 0)
			return -1;
	package_files_sort(&files);
	if (p->handler->add_links) {
		if (p->handler->add_links(p->db, &files, err) < 0)
			return -1;
		package_files_sort(&files);
	}
	*ret = files;
	files = (struct package_files){0};
	return 0;
}

void package_files_done(struct package_files *files)
{
	vector_done(files);
}

/* Other managers' databases too: one of them may get more packages. */
void packages_watch_paths(const struct packages *p, struct strvec *ret)
{
	p->handler->watch_paths(p->db, ret);
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		for (const char *const *path = handlers[i]->databases;
			*path && handlers[i] != p->handler; path++)
			strvec_addf(ret, "%s/%s", p->root, *path);
}
