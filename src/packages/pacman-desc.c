/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files that pacman keeps of a package. Pure.
 *
 *	%NAME%            a section
 *	hello             its lines
 *	                  an empty line ends it
 *	%BACKUP%
 *	etc/hello.conf    b9a771b420047cfaa3543e66c78f44f6      (behind a tab)
 */
#include <string.h>

#include "packages/pacman.h"

struct sections {
	char *rest;
	const char *file;    /* for errors */
	const char *section; /* "%NAME%", or NULL between two of them */
	size_t line;
};

/* The next line of a section: 1 and *ret, or 0 at the end. The text is cut in place. */
static int next_line(struct sections *s, char **ret, struct error *err)
{
	while (*s->rest) {
		char *line = s->rest;
		char *newline = strchr(line, '\n');
		s->line++;
		if (!newline)
			return error_set(err, 0,
				"'%s' line %zu: the file ends in the middle of a line, it "
				"was cut short",
				s->file, s->line);
		*newline = '\0';
		s->rest = newline + 1;
		if (!*line) {
			s->section = NULL;
		} else if (s->section) {
			*ret = line;
			return 1;
		} else if (line[0] != '%' || newline - line < 3 || newline[-1] != '%') {
			return error_set(err, 0, "'%s' line %zu: expected a %%SECTION%%",
				s->file, s->line);
		} else {
			s->section = line;
		}
	}
	return 0;
}

static bool in_section(const struct sections *s, const char *name)
{
	return strcmp(s->section, name) == 0;
}

/* ---- desc ---- */

static int set_once(const struct sections *s, const char **place, const char *value,
	struct error *err)
{
	if (*place)
		return error_set(err, 0, "'%s' line %zu: a second line in %s", s->file,
			s->line, s->section);
	*place = value;
	return 0;
}

static int take_desc_line(
	struct sections *s, char *line, struct pacman_package *pkg, struct error *err)
{
	if (in_section(s, "%NAME%"))
		return set_once(s, &pkg->package.name, line, err);
	if (in_section(s, "%VERSION%"))
		return set_once(s, &pkg->package.version, line, err);
	if (in_section(s, "%ARCH%"))
		return set_once(s, &pkg->package.arch, line, err);
	if (in_section(s, "%DEPENDS%"))
		vector_push(&pkg->depends, line);
	else if (in_section(s, "%PROVIDES%"))
		vector_push(&pkg->provides, line);
	return 0;
}

int pacman_desc_parse(
	char *text, const char *file, struct pacman_package *ret, struct error *err)
{
	struct sections s = {.rest = text, .file = file};
	char *line;
	int r;

	while ((r = next_line(&s, &line, err)) > 0)
		if (take_desc_line(&s, line, ret, err) < 0)
			return -1;
	if (r < 0)
		return -1;
	if (!ret->package.name || !ret->package.version)
		return error_set(err, 0, "'%s': there is no %s in it", file,
			ret->package.name ? "%VERSION%" : "%NAME%");
	if (!ret->package.arch)
		ret->package.arch = "any";
	return 0;
}

void pacman_package_done(struct pacman_package *pkg)
{
	vector_done(&pkg->depends);
	vector_done(&pkg->provides);
}

/* ---- files ---- */

/* Paths are relative, and a directory's ends in a slash. */
static const char *absolute_path(struct arena *arena, const char *line)
{
	size_t len = strlen(line);
	char *path = arena_alloc(arena, len + 2);

	path[0] = '/';
	memcpy(path + 1, line, len);
	if (len && path[len] == '/')
		path[len] = '\0';
	return path;
}

static void mark_configuration(
	struct package_files *files, size_t first, const struct strmap *backups)
{
	for (size_t i = first; i < files->len; i++)
		files->items[i].is_config =
			strmap_get(backups, files->items[i].path + 1) != NULL;
}

int pacman_files_parse(struct arena *arena, char *text, const char *file,
	const struct package *package, struct package_files *ret, struct error *err)
{
	CLEANUP(strmap_done) struct strmap backups = {0};
	struct sections s = {.rest = text, .file = file};
	size_t first = ret->len;
	char *line;
	int r;

	while ((r = next_line(&s, &line, err)) > 0) {
		if (in_section(&s, "%FILES%")) {
			vector_push(ret,
				(struct package_file){.path = absolute_path(arena, line),
					.package = package});
		} else if (in_section(&s, "%BACKUP%")) {
			line[strcspn(line, "\t")] = '\0';
			strmap_put(&backups, line, line);
		}
	}
	mark_configuration(ret, first, &backups);
	return r;
}
