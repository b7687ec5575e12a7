/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A package's paths: a line each in info/NAME.list, or info/NAME:ARCH.list if several
 * architectures of it can be installed. The list says what the package holds. A *diversion*
 * may have moved one of its files away:
 *
 *	/bin/zcat           from
 *	/bin/zcat.gzip      to
 *	zutils              by: this package's own /bin/zcat is at its place, others' are
 *	                    not; ":" is a diversion of the administrator's
 *
 * Which files are configuration is in the status file: info/NAME.conffiles is only what the
 * package shipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "packages/dpkg.h"

struct dpkg_diversion {
	const char *to;
	/* NULL: by the administrator. */
	const char *by;
};

/* Cut off the next line, terminated in place. NULL at the end of the text, also if a line
 * without a newline is left there. */
static char *next_line(char **text)
{
	char *line = *text;
	char *newline = strchr(line, '\n');

	if (!newline)
		return NULL;
	*newline = '\0';
	*text = newline + 1;
	return line;
}

/* A file of lines, which are handed out and so are in the arena. 1: there is no such file. */
static int read_lines(
	struct dpkg_db *db, const char *path, char **ret_text, struct error *err)
{
	CLEANUP_FREE char *data = NULL;
	struct error why;
	size_t len;

	if (io_read_file(AT_FDCWD, path, DPKG_FILE_MAX, &data, &len, &why) < 0) {
		if (why.num == ENOENT)
			return 1;
		return error_set(err, 0, "%-s", why.msg);
	}
	if (memchr(data, '\0', len))
		return error_set(err, 0, "'%s' holds a NUL, this is not text", path);
	if (len && data[len - 1] != '\n')
		return error_set(err, 0,
			"'%s' ends in the middle of a line, it was cut short", path);
	*ret_text = arena_strndup(&db->arena, data, len);
	return 0;
}

int dpkg_diversions_read(struct dpkg_db *db, struct error *err)
{
	CLEANUP_FREE char *file = xasprintf("%s/var/lib/dpkg/diversions", db->root);
	char *text;

	int r = read_lines(db, file, &text, err);
	if (r != 0)
		return MIN(r, 0);
	size_t line = 1;
	for (char *from; (from = next_line(&text)); line += 3) {
		char *to = next_line(&text);
		char *by = to ? next_line(&text) : NULL;
		if (!by || from[0] != '/' || to[0] != '/' || !by[0])
			return error_set(err, 0,
				"'%s' line %zu: expected two paths and a package", file,
				line);
		struct dpkg_diversion *d = arena_alloc(&db->arena, sizeof(*d));
		*d = (struct dpkg_diversion){to, strcmp(by, ":") == 0 ? NULL : by};
		strmap_put(&db->diversions, from, d);
	}
	return 0;
}

static bool has_name(const struct package_set *set, const char *name)
{
	vector_foreach (pkg, set)
		if (strcmp((*pkg)->name, name) == 0)
			return true;
	return false;
}

static bool exists_below(const char *root, const char *path)
{
	CLEANUP_FREE char *full = xasprintf("%s%s", root, path);
	struct stat st;

	return lstat(full, &st) == 0;
}

/*
 * Append a file of a package, as diversions have it. Where only the set's packages are
 * installed, a diversion by another package does not exist, and the file has its own name.
 * The administrator's diversions always exist, as does what they have put in the file's
 * place. `to` is missing on the host after "dpkg-divert --no-rename": then the file is
 * still where it was.
 */
static void add_file(const struct dpkg_db *db, struct package_file file,
	const struct package_set *set, struct package_files *ret)
{
	const struct dpkg_diversion *d = strmap_get(&db->diversions, file.path);

	if (d && !d->by) {
		vector_push(ret, file);
		file.path = d->to;
	} else if (d && strcmp(d->by, file.package->name) != 0) {
		if (has_name(set, d->by))
			file.path = d->to;
		else if (exists_below(db->root, d->to))
			file.source = d->to;
	}
	vector_push(ret, file);
}

/* The paths of "Conffiles: PATH HASH [FLAG…]", a line each. An obsolete one (no longer
 * shipped, but still there) is configuration too. */
static void read_conffiles(struct dpkg_db *db, const char *field, struct strmap *ret)
{
	static const char *const flags[] = {" remove-on-upgrade", " obsolete"};
	char *text = arena_strndup(&db->arena, field, strlen(field));
	char *save;

	for (char *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		line += strspn(line, " \t");
		/* From the end: a path may have spaces in it. */
		for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
			size_t len = strlen(line);
			size_t flag_len = strlen(flags[i]);
			if (len > flag_len &&
				strcmp(line + len - flag_len, flags[i]) == 0)
				line[len - flag_len] = '\0';
		}
		char *hash = strrchr(line, ' ');
		if (hash)
			*hash = '\0';
		strmap_put(ret, line, line);
	}
}

/* info/NAME:ARCH.list or info/NAME.list, the likelier one first. */
static int read_list(struct dpkg_db *db, const struct dpkg_package *pkg, char **ret_text,
	char **ret_file, struct error *err)
{
	const struct package *p = &pkg->package;
	bool with_arch = pkg->multi_arch == DPKG_MULTI_ARCH_SAME;

	for (int i = 0; i < 2; i++, with_arch = !with_arch) {
		CLEANUP_FREE char *file =
			xasprintf("%s/var/lib/dpkg/info/%s%s%s.list", db->root, p->name,
				with_arch ? ":" : "", with_arch ? p->arch : "");
		int r = read_lines(db, file, ret_text, err);
		if (r < 0)
			return -1;
		if (r == 0) {
			*ret_file = TAKE_PTR(file);
			return 0;
		}
	}
	return error_set(err, 0,
		"'%s/var/lib/dpkg/info/%s.list', the file list of an installed package, "
		"is missing. Reinstall it: apt-get install --reinstall %s",
		db->root, p->name, p->name);
}

int dpkg_files_read(struct dpkg_db *db, const struct dpkg_package *pkg,
	const struct package_set *set, struct package_files *ret, struct error *err)
{
	CLEANUP(strmap_done) struct strmap conffiles = {0};
	CLEANUP_FREE char *list = NULL;
	size_t line = 1;
	char *text;

	if (read_list(db, pkg, &text, &list, err) < 0)
		return -1;
	if (pkg->conffiles)
		read_conffiles(db, pkg->conffiles, &conffiles);
	for (const char *path; (path = next_line(&text)); line++) {
		struct package_file file = {.path = path, .package = &pkg->package};
		if (path[0] != '/')
			return error_set(err, 0,
				"'%s' line %zu: '%.100s' is not an absolute path", list,
				line, path);
		if (strcmp(path, "/.") == 0)
			file.path = "/";
		file.is_config = strmap_get(&conffiles, path) != NULL;
		add_file(db, file, set, ret);
	}
	return 0;
}
