/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A package's paths: a line each in info/NAME.list, or info/NAME:ARCH.list where several
 * architectures of it can be installed. The list says what the package holds; a
 * *diversion* may have moved one of its files away:
 *
 *	/bin/sh             from
 *	/bin/sh.distrib     to
 *	dash                by: its own /bin/sh stays; ":" diverts everyone's
 *
 * What is configuration is told by the status file, for all packages at once;
 * info/NAME.conffiles is what the package shipped, and does not know better.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "packages/dpkg.h"

struct dpkg_diversion {
	const char *to;
	const char *by; /* NULL: by the administrator */
};

/*
 * Cut the next line off and terminate it in place: NULL at the end of the text. A last
 * line without a newline is not given; *text stays at it.
 */
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

/*
 * A file of lines, in the arena, so that they can be handed out. 1: there is no such
 * file.
 */
static int read_lines(
	struct dpkg_db *db, const char *path, char **ret_text, struct error *err)
{
	CLEANUP_FREE char *data = NULL;
	struct error why;
	size_t len;

	if (io_read_file(AT_FDCWD, path, DPKG_FILE_MAX, &data, &len, &why) < 0) {
		if (why.num == ENOENT)
			return 1;
		return error_set(err, 0, "%s", why.msg);
	}
	if (memchr(data, '\0', len))
		return error_set(err, 0, "'%s' holds a NUL, this is not text", path);
	if (len && data[len - 1] != '\n')
		return error_set(err, 0,
			"'%s' ends in the middle of a line, it was cut short", path);
	*ret_text = arena_strndup(&db->arena, data, len);
	return 0;
}

static int parse_diversions(struct dpkg_db *db, char *text, const char *file,
	struct dpkg_diversions *d, struct error *err)
{
	size_t line = 1;

	for (char *from; (from = next_line(&text)); line += 3) {
		char *to = next_line(&text);
		char *by = to ? next_line(&text) : NULL;

		if (!by || from[0] != '/' || to[0] != '/' || !by[0])
			return error_set(err, 0,
				"'%s' line %zu: expected two paths and a package", file,
				line);
		struct dpkg_diversion *diversion =
			arena_alloc(&db->arena, sizeof(*diversion));
		*diversion =
			(struct dpkg_diversion){to, strcmp(by, ":") == 0 ? NULL : by};
		strmap_put(&d->by_path, from, diversion);
	}
	return 0;
}

int dpkg_diversions_read(
	struct dpkg_db *db, struct dpkg_diversions *ret, struct error *err)
{
	CLEANUP_FREE char *file = xasprintf("%s/var/lib/dpkg/diversions", db->root);
	char *text;

	int r = read_lines(db, file, &text, err);
	return r == 0 ? parse_diversions(db, text, file, ret, err) : MIN(r, 0);
}

void dpkg_diversions_done(struct dpkg_diversions *d)
{
	strmap_done(&d->by_path);
}

static const char *divert(
	const struct dpkg_diversions *d, const struct dpkg_package *pkg, const char *path)
{
	const struct dpkg_diversion *diversion = strmap_get(&d->by_path, path);

	if (!diversion ||
		(diversion->by && strcmp(diversion->by, pkg->package.name) == 0))
		return path;
	return diversion->to;
}

/*
 * The paths of "Conffiles: PATH HASH [FLAG…]", a line each. An obsolete one (no longer
 * shipped, but still there) is as much the administrator's as the others.
 */
static void read_conffiles(struct dpkg_db *db, const char *field, struct strmap *ret)
{
	static const char *const flags[] = {" remove-on-upgrade", " obsolete"};
	char *text = arena_strndup(&db->arena, field, strlen(field));
	char *save;

	for (char *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		line += strspn(line, " \t");
		/* From the end: a path may have spaces in it, the hash and the flags
		 * don't. */
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

static int parse_list(const struct dpkg_package *pkg, char *text, const char *file,
	const struct strmap *conffiles, const struct dpkg_diversions *diversions,
	struct package_files *ret, struct error *err)
{
	size_t line = 1;

	for (const char *path; (path = next_line(&text)); line++) {
		if (path[0] != '/')
			return error_set(err, 0,
				"'%s' line %zu: '%.100s' is not an absolute path", file,
				line, path);
		if (strcmp(path, "/.") == 0)
			path = "/";
		bool is_config = strmap_get(conffiles, path) != NULL;
		vector_push(ret,
			(struct package_file){
				divert(diversions, pkg, path), is_config, &pkg->package});
	}
	return 0;
}

/* info/NAME:ARCH.list or info/NAME.list: the likelier first. */
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
	const struct dpkg_diversions *diversions, struct package_files *ret,
	struct error *err)
{
	CLEANUP(strmap_done) struct strmap conffiles = {0};
	CLEANUP_FREE char *file = NULL;
	char *text;

	if (read_list(db, pkg, &text, &file, err) < 0)
		return -1;
	if (pkg->conffiles)
		read_conffiles(db, pkg->conffiles, &conffiles);
	return parse_list(pkg, text, file, &conffiles, diversions, ret, err);
}
