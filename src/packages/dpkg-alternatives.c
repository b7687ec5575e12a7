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
 *	                                 an empty line; then the choices:
 *	/usr/bin/mawk                    a file,
 *	5                                its priority,
 *	/usr/share/man/man1/mawk.1.gz    and for each slave a file, or an empty line
 *
 * /etc/alternatives/NAME says which choice is in force. If that is one of the set's files,
 * the set has the links as the host has them. Else the links lead to the set's choice of the
 * highest priority, if it has any: where gawk is installed without mawk, awk is gawk.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/directory.h"
#include "base/io.h"
#include "packages/dpkg.h"

#define ALTERNATIVES_DIR "/etc/alternatives"

/* Where ROOT/etc/alternatives/NAME leads. False if there is no such link. */
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
 * Where /bin is a link to /usr/bin, a package may list a file by one of these names and
 * register it by the other.
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

/* `target` NULL: as the host has them. */
static void add_link(struct dpkg_db *db, const char *name, const char *link,
	const char *target, struct package_files *ret)
{
	CLEANUP_FREE char *choice = xasprintf(ALTERNATIVES_DIR "/%s", name);
	const char *path = arena_strdup(&db->arena, choice);

	vector_push(ret,
		(struct package_file){.path = arena_strdup(&db->arena, link),
			.target = target ? path : NULL});
	vector_push(ret,
		(struct package_file){.path = path,
			.target = target ? arena_strdup(&db->arena, target) : NULL});
}

/* The choice of the highest priority among the files, and the lines of its slaves, each
 * NUL-terminated. NULL: no choice is among the files. */
static const char *best_choice(char *text, size_t n_slaves,
	const struct package_files *files, const char **ret_slaves)
{
	const char *best = NULL;
	long best_priority = 0;

	for (char *path; (path = strsep(&text, "\n")) && *path;) {
		char *priority = strsep(&text, "\n"), *slaves = text;
		for (size_t i = 0; i < n_slaves; i++)
			if (!strsep(&text, "\n"))
				return best;
		long n = priority ? strtol(priority, NULL, 10) : 0;
		if (!contains_either_way(files, path) || (best && n <= best_priority))
			continue;
		best = path;
		best_priority = n;
		*ret_slaves = slaves;
	}
	return best;
}

struct slave {
	const char *name, *link;
};

struct slaves {
	struct slave *items;
	size_t len;
	size_t cap;
};

static void slaves_done(struct slaves *slaves)
{
	vector_done(slaves);
}

/* `text` is cut into lines in place. */
static int add_alternative(struct dpkg_db *db, const char *name, char *text,
	const struct package_files *files, struct package_files *ret, struct error *err)
{
	CLEANUP(slaves_done) struct slaves slaves = {0};
	char target[PATH_MAX];
	char *mode = strsep(&text, "\n");
	char *master = text ? strsep(&text, "\n") : NULL;

	if (!mode || (strcmp(mode, "auto") != 0 && strcmp(mode, "manual") != 0))
		return bad_alternative(name, 1, err);
	if (!master || master[0] != '/')
		return bad_alternative(name, 2, err);
	for (char *slave; (slave = strsep(&text, "\n")) && *slave;) {
		char *link = strsep(&text, "\n");
		if (strchr(slave, '/') || !link || link[0] != '/')
			return bad_alternative(name, 3 + 2 * slaves.len, err);
		vector_push(&slaves, (struct slave){slave, link});
	}

	if (read_choice(db->root, name, target) && contains_either_way(files, target)) {
		add_link(db, name, master, NULL, ret);
		/* The choice in force need not have each of the slaves. */
		vector_foreach (slave, &slaves)
			if (read_choice(db->root, slave->name, target))
				add_link(db, slave->name, slave->link, NULL, ret);
		return 0;
	}
	const char *to;
	const char *best = best_choice(text, slaves.len, files, &to);
	if (!best)
		return 0;
	add_link(db, name, master, best, ret);
	vector_foreach (slave, &slaves) {
		if (*to)
			add_link(db, slave->name, slave->link, to, ret);
		to += strlen(to) + 1;
	}
	return 0;
}

int dpkg_alternatives_read(
	struct dpkg_db *db, struct package_files *files, struct error *err)
{
	CLEANUP_FREE char *path = xasprintf("%s/var/lib/dpkg/alternatives", db->root);
	CLEANUP_STRVEC struct strvec names = {0};
	CLEANUP(package_files_done) struct package_files links = {0};

	if (directory_list(AT_FDCWD, path, 0, &names) < 0)
		return errno == ENOENT ? 0 : error_set(err, errno, "open '%s'", path);
	vector_foreach (name, &names) {
		CLEANUP_FREE char *file = xasprintf("%s/%s", path, *name);
		CLEANUP_FREE char *text = NULL;
		size_t len;

		if (**name == '.')
			continue;
		if (io_read_file(AT_FDCWD, file, DPKG_FILE_MAX, &text, &len, err) < 0 ||
			add_alternative(db, *name, text, files, &links, err) < 0)
			return -1;
	}
	vector_foreach (link, &links)
		vector_push(files, *link);
	return 0;
}
