/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configuration files are read from each kind of package; other files are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sys/mman.h>

#include "base/io.h"
#include "base/strbuf.h"
#include "prepare/config-files.h"

static const char *const wanted[] = {"/etc/a.conf", "/etc/link", "/etc/missing"};

struct member {
	const char *name;
	mode_t type;
	const char *content; /* or a link's target */
};

static ssize_t append(struct archive *a, void *data, const void *bytes, size_t len)
{
	(void)a;
	strbuf_add(data, bytes, len);
	return len;
}

static void add_member(struct archive *a, const struct member *m)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, m->name);
	archive_entry_set_mode(entry, m->type | 0640);
	archive_entry_set_mtime(entry, 1000, 0);
	if (m->type == AE_IFLNK)
		archive_entry_set_symlink(entry, m->content);
	else if (m->type == 0)
		archive_entry_set_hardlink(entry, m->content);
	else
		archive_entry_set_size(entry, strlen(m->content));
	assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
	if (m->type == AE_IFREG)
		archive_write_data(a, m->content, strlen(m->content));
	archive_entry_free(entry);
}

static struct strbuf make_archive(
	int (*set_format)(struct archive *), const struct member *members, size_t n)
{
	struct strbuf bytes = {0};
	struct archive *a = archive_write_new();

	set_format(a);
	archive_write_set_bytes_per_block(a, 0);
	archive_write_open(a, &bytes, NULL, append, NULL);
	for (size_t i = 0; i < n; i++)
		add_member(a, &members[i]);
	archive_write_free(a);
	return bytes;
}

static struct strbuf make_tar(const struct member *members, size_t n)
{
	return make_archive(archive_write_set_format_ustar, members, n);
}

/* What is found of what is wanted: "PATH=CONTENT;PATH->TARGET;", or the error. */
static char *read_package(const void *bytes, size_t len)
{
	struct config_files c;
	struct strbuf sb = {0};
	struct error err;
	CLEANUP_CLOSE int fd = memfd_create("package", MFD_CLOEXEC);

	assert_int_equal(io_pwrite_full(fd, bytes, len, 0), 0);
	config_files_init(&c, wanted, ARRAY_SIZE(wanted));
	if (config_files_read_package(&c, fd, "p", &err) < 0)
		strbuf_adds(&sb, err.msg);
	else
		strbuf_addf(&sb, "%zu:", config_files_found(&c));
	for (size_t i = 0; i < c.len; i++) {
		const struct config_file *file = &c.items[i];
		if (file->entry && archive_entry_filetype(file->entry) == AE_IFLNK)
			strbuf_addf(&sb, "%s->%s;", file->path,
				archive_entry_symlink(file->entry));
		else if (file->entry)
			strbuf_addf(
				&sb, "%s=%.*s;", file->path, (int)file->len, file->data);
	}
	config_files_done(&c);
	return strbuf_detach(&sb);
}

static void assert_reads(const struct strbuf *package, const char *expected)
{
	CLEANUP_FREE char *got = read_package(package->data, package->len);

	if (!strstr(got, expected))
		fail_msg("'%s' does not hold '%s'", got, expected);
}

static const struct member ordinary[] = {
	{"./usr/bin/a", AE_IFREG, "program"},
	{"./etc/a.conf", AE_IFREG, "settings"},
	{"./etc/link", AE_IFLNK, "/anywhere/else"},
};

static void reads_a_tar_of_pacmans(void **state)
{
	CLEANUP_STRBUF struct strbuf tar = make_tar(ordinary, ARRAY_SIZE(ordinary));

	(void)state;
	assert_reads(&tar, "2:/etc/a.conf=settings;/etc/link->/anywhere/else;");
}

static void reads_a_tar_in_a_deb(void **state)
{
	CLEANUP_STRBUF struct strbuf tar = make_tar(ordinary, ARRAY_SIZE(ordinary));
	CLEANUP_STRBUF struct strbuf deb = {0};

	(void)state;
	strbuf_adds(&deb, "!<arch>\n");
	strbuf_addf(&deb, "%-16s%-12d%-6d%-6d%-8s%-10zu`\n2.0\n", "debian-binary", 0, 0,
		0, "100644", (size_t)4);
	strbuf_addf(&deb, "%-16s%-12d%-6d%-6d%-8s%-10zu`\n", "data.tar", 0, 0, 0,
		"100644", tar.len);
	strbuf_add(&deb, tar.data, tar.len);
	assert_reads(&deb, "2:/etc/a.conf=settings;/etc/link->/anywhere/else;");
	deb.len -= tar.len - 1000;
	assert_reads(&deb, "package 'p': ");
}

static void a_deb_without_data_is_an_error(void **state)
{
	static const struct member members[] = {{"debian-binary", AE_IFREG, "2.0\n"}};
	CLEANUP_STRBUF struct strbuf deb =
		make_archive(archive_write_set_format_ar_svr4, members, 1);

	(void)state;
	assert_reads(&deb, "package 'p': there is no data.tar in it");
}

static void names_are_the_same_however_they_begin(void **state)
{
	static const char *const names[] = {
		"etc/a.conf", "/etc/a.conf", "./etc/a.conf", ".//etc/a.conf"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct member m = {names[i], AE_IFREG, "x"};
		CLEANUP_STRBUF struct strbuf tar = make_tar(&m, 1);
		assert_reads(&tar, "1:/etc/a.conf=x;");
	}
}

static void other_names_mean_nothing(void **state)
{
	static const struct member members[] = {
		{"../etc/a.conf", AE_IFREG, "x"},
		{"etc/../etc/a.conf", AE_IFREG, "x"},
		{"etc/a.conf/", AE_IFREG, "x"},
		{"/etc/a.conf", AE_IFIFO, ""},
	};
	CLEANUP_STRBUF struct strbuf tar = make_tar(members, ARRAY_SIZE(members));

	(void)state;
	assert_reads(&tar, "0:");
}

static void the_last_of_a_name_counts(void **state)
{
	static const struct member members[] = {
		{"etc/a.conf", AE_IFREG, "first"}, {"etc/a.conf", AE_IFREG, "second"}};
	CLEANUP_STRBUF struct strbuf tar = make_tar(members, ARRAY_SIZE(members));

	(void)state;
	assert_reads(&tar, "1:/etc/a.conf=second;");
}

static void what_cannot_be_kept_is_an_error(void **state)
{
	static const struct member link[] = {
		{"etc/other", AE_IFREG, "x"}, {"etc/a.conf", 0, "etc/other"}};
	CLEANUP_STRBUF struct strbuf tar = make_tar(link, ARRAY_SIZE(link));
	CLEANUP_STRBUF struct strbuf cut = make_tar(ordinary, ARRAY_SIZE(ordinary));
	CLEANUP_STRBUF struct strbuf text = {0};

	(void)state;
	assert_reads(&tar, "configuration file '/etc/a.conf' is a hard link");
	cut.len = 512 + 512 + 512 + 3;
	assert_reads(&cut, "package 'p': ");
	strbuf_adds(&text,
		"nothing that anyone would call a package, but longer than a header");
	assert_reads(&text, "package 'p': ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_tar_of_pacmans),
		cmocka_unit_test(reads_a_tar_in_a_deb),
		cmocka_unit_test(a_deb_without_data_is_an_error),
		cmocka_unit_test(names_are_the_same_however_they_begin),
		cmocka_unit_test(other_names_mean_nothing),
		cmocka_unit_test(the_last_of_a_name_counts),
		cmocka_unit_test(what_cannot_be_kept_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
