/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's own dpkg database: our answers against dpkg-query's. Skipped where there is
 * none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "base/strmap.h"
#include "fixture-root.h"
#include "packages/packages.h"

/* The lines a command prints, "" where it can't be run. */
static char *output_of(const char *command)
{
	CLEANUP_FREE char *data = NULL;
	size_t len;
	FILE *f = popen(command, "re");

	assert_non_null(f);
	assert_int_equal(io_read_fd(fileno(f), command, 1 << 28, &data, &len, NULL), 0);
	pclose(f);
	return TAKE_PTR(data);
}

static struct packages *open_host(void)
{
	struct packages *p;
	struct error err;

	if (access("/var/lib/dpkg/status", R_OK) < 0 ||
		system("dpkg-query --version >/dev/null 2>&1") != 0) {
		print_message("skipped: no dpkg here\n");
		skip();
	}
	if (packages_open("/", &p, &err) < 0)
		fail_msg("%s", err.msg);
	return p;
}

static void knows_the_same_packages_in_the_same_versions(void **state)
{
	struct packages *p = open_host();
	CLEANUP_FREE char *text = output_of(
		"dpkg-query -W -f '${db:Status-Status} ${Package}:${Architecture} "
		"${Version}\\n' | sed -n 's/^installed //p'");
	size_t lines = 0;
	char *save;

	(void)state;
	for (char *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		const char *name = strsep(&line, " ");
		struct package_set set = {0};
		bool found = false;

		assert_int_equal(packages_resolve(p, &name, 1, &set, NULL), 0);
		vector_foreach (pkg, &set) {
			CLEANUP_FREE char *full =
				xasprintf("%s:%s", (*pkg)->name, (*pkg)->arch);
			if (strcmp(full, name) == 0) {
				assert_string_equal((*pkg)->version, line);
				found = true;
			}
		}
		assert_true(found);
		package_set_done(&set);
		lines++;
	}
	assert_int_equal(packages_count(p), lines);
	packages_close(p);
}

/*
 * dpkg-query's lines as a set; its notes about diversions ("diverted by X to: PATH") are
 * applied to the line before them.
 */
static void parse_listing(char *text, struct strmap *ret)
{
	char *save;
	char *previous = NULL;

	for (char *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		char *to = strstr(line, " to: ");
		if (line[0] == '/') {
			if (previous)
				strmap_put(ret, previous, previous);
			previous = strcmp(line, "/.") == 0 ? line + 2 : line;
		} else if (to && strncmp(line, "diverted by ", 12) == 0) {
			previous = to + 5;
		}
	}
	if (previous)
		strmap_put(ret, previous, previous);
}

/* A link of the alternatives system, or the place in /etc that it leads to. */
static bool is_alternative(const char *path)
{
	static const char dir[] = "/etc/alternatives/";
	char target[4096];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len < 0)
		return false;
	target[len] = '\0';
	return strncmp(path, dir, strlen(dir)) == 0 ||
		strncmp(target, dir, strlen(dir)) == 0;
}

static void lists_the_same_files(void **state)
{
	struct packages *p = open_host();
	struct package_set set = {0};
	struct package_files files = {0};
	CLEANUP(strmap_done) struct strmap theirs = {0};
	CLEANUP_STRBUF struct strbuf command = {0};
	const char *name = "dpkg";
	size_t common = 0;

	(void)state;
	assert_int_equal(packages_resolve(p, &name, 1, &set, NULL), 0);
	assert_int_equal(packages_files(p, &set, &files, NULL), 0);
	strbuf_adds(&command, "LC_ALL=C dpkg-query -L");
	vector_foreach (pkg, &set)
		strbuf_addf(&command, " %s:%s", (*pkg)->name, (*pkg)->arch);
	CLEANUP_FREE char *text = output_of(command.data);
	parse_listing(text, &theirs);

	vector_foreach (file, &files) {
		if (strmap_get(&theirs, strcmp(file->path, "/") == 0 ? "" : file->path))
			common++;
		else if (!is_alternative(file->path))
			fail_msg("dpkg-query does not know %s", file->path);
	}
	assert_int_equal(common, theirs.len);
	assert_true(common > 100);
	package_files_done(&files);
	package_set_done(&set);
	packages_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_same_packages_in_the_same_versions),
		cmocka_unit_test(lists_the_same_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
