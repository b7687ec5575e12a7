/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The alternatives system: links that installation scripts made, and that no package
 * lists.
 *
 *	/usr/bin/awk ──► /etc/alternatives/awk ──► /usr/bin/mawk
 *	master link      chosen by the administrator or by priority
 *
 * alternatives/NAME, a line each:
 *
 *	auto                             or "manual"
 *	/usr/bin/awk                     the master link
 *	awk.1.gz                         a slave: its name below /etc/alternatives,
 *	/usr/share/man/man1/awk.1.gz     and its link; more of these
 *	                                 an empty line; then the choices,
 *	/usr/bin/mawk                    which don't matter here: /etc/alternatives/NAME
 *	                                 tells which of them is in force
 *
 * A set has an alternative's links if the choice in force is one of the set's files.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/directory.h"
#include "base/io.h"
#include "packages/dpkg.h"

#define ALTERNATIVES_DIR "/etc/alternatives"

/* Where ROOT/etc/alternatives/NAME leads; false if there is no such link. */
static bool read_choice(
	const char *root, const char *name, char ret_target[static PATH_MAX])
{
	CLEANUP_FREE char *link = xasprintf("%s" ALTERNATIVES_DIR "/%s", root, name);
	ssize_t len = readlink(link, ret_target, PATH_MAX - 1);

	if (len < 0)
		return false;
	ret_target[len] = '\0';
	return true;
}

/*
 * On systems where /bin is a link to /usr/bin, a package may list a file by one of these
 * names and register it by the other.
 */
static bool contains_either_way(const struct package_files *files, const char *path)
{
	if (package_files_contain(files, path))
		return true;
	if (strncmp(path, "/usr/", 5) == 0)
		return package_files_contain(files, path + 4);
	CLEANUP_FREE char *merged = xasprintf("/usr%s", path);
	return package_files_contain(files, merged);
}

static int bad_alternative(const char *name, size_t line, struct error *err)
{
	return error_set(err, 0,
		"'var/lib/dpkg/alternatives/%s' line %zu: not as update-alternatives "
		"writes it",
		name, line);
}

static void add_link(
	struct dpkg_db *db, const char *name, const char *link, struct package_files *ret)
{
	CLEANUP_FREE char *choice = xasprintf(ALTERNATIVES_DIR "/%s", name);

	vector_push(ret, (struct package_file){.path = arena_strdup(&db->arena, link)});
	vector_push(ret, (struct package_file){.path = arena_strdup(&db->arena, choice)});
}

/* `text` is cut into lines in place. */
static int add_alternative(struct dpkg_db *db, const char *name, char *text,
	struct package_files *ret, struct error *err)
{
	char target[PATH_MAX];
	char *mode = strsep(&text, "\n");
	char *master = text ? strsep(&text, "\n") : NULL;
	size_t line = 3;

	if (!mode || (strcmp(mode, "auto") != 0 && strcmp(mode, "manual") != 0))
		return bad_alternative(name, 1, err);
	if (!master || master[0] != '/')
		return bad_alternative(name, 2, err);
	add_link(db, name, master, ret);

	for (char *slave; (slave = strsep(&text, "\n")) && *slave; line += 2) {
		char *link = strsep(&text, "\n");
		if (strchr(slave, '/') || !link || link[0] != '/')
			return bad_alternative(name, line, err);
		/* The choice in force need not have each of the slaves. */
		if (read_choice(db->root, slave, target))
			add_link(db, slave, link, ret);
	}
	return 0;
}

int dpkg_alternatives_read(
	struct dpkg_db *db, struct package_files *files, struct error *err)
{
	CLEANUP_FREE char *path = xasprintf("%s/var/lib/dpkg/alternatives", db->root);
	CLEANUP_STRVEC struct strvec names = {0};
	CLEANUP(package_files_done) struct package_files links = {0};
	char target[PATH_MAX];

	if (directory_list(AT_FDCWD, path, 0, &names) < 0)
		return errno == ENOENT ? 0 : error_set(err, errno, "open '%s'", path);
	vector_foreach (name, &names) {
		CLEANUP_FREE char *file = xasprintf("%s/%s", path, *name);
		CLEANUP_FREE char *text = NULL;
		size_t len;

		if (**name == '.' || !read_choice(db->root, *name, target) ||
			!contains_either_way(files, target))
			continue;
		if (io_read_file(AT_FDCWD, file, DPKG_FILE_MAX, &text, &len, err) < 0 ||
			add_alternative(db, *name, text, &links, err) < 0)
			return -1;
	}
	vector_foreach (link, &links)
		vector_push(files, *link);
	return 0;
}
