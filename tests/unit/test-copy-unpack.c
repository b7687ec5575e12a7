/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes from a guest lands in its place, or not at all. */
#include "fixture-copy.h"

static struct archive *begin_pax(void)
{
	return begin(ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE);
}

static void assert_content(const char *path, const char *expected)
{
	CLEANUP_FREE char *data = NULL;
	size_t len;

	assert_ok(io_read_file(AT_FDCWD, path, 1 << 20, &data, &len, &err));
	assert_string_equal(data, expected);
}

static void assert_said(const char *text)
{
	if (!strstr(strbuf_text(&said), text))
		fail_msg("'%s' is not in: %s", text, strbuf_text(&said));
}

static void put_type(struct archive *a, const char *path, mode_t mode, const char *target)
{
	struct archive_entry *e = entry(path, mode);

	if (target)
		archive_entry_copy_symlink(e, target);
	put(a, e, NULL);
}

static void a_link_below_the_destination_is_not_followed(void **state)
{
	(void)state;
	make_dir("outside");
	make_dir("to");
	make_link("../outside", "to/before");
	struct archive *a = begin_pax();
	put_type(a, "made", S_IFLNK | 0777, "../outside");
	put_file(a, "made/x", "x");
	put_file(a, "before/x", "x");
	put_type(a, "before", S_IFDIR | 0700, NULL);
	put_file(a, "after", "y");
	end(a);
	assert_int_equal(unpack_to("to"), COPY_PARTLY);
	assert_said(
		"'made/x': what is there is no directory, and links are not followed\n");
	assert_said("'before/x': what is there");
	assert_said("'before/': what is there");
	assert_int_equal(access("outside/x", F_OK), -1);
	assert_int_equal(stat_of("outside").st_mode & 07777, 0755);
	assert_content("to/after", "y");
}

static void a_name_that_leads_outside_ends_the_copy(void **state)
{
	static const char *const names[] = {
		"../x", "..", "d/../../x", "d/..", "./../x", "/tmp/hypermin-copy-x"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct archive *a = begin_pax();
		put_file(a, "d/f", "f");
		put_file(a, names[i], "x");
		put_file(a, "d/g", "g");
		end(a);
		assert_int_equal(unpack_to("to"), COPY_FAILED);
		assert_non_null(strstr(err.msg, i < 5 ? "leads upward" : "is absolute"));
		assert_content("to/f", "f");
		assert_int_equal(access("to/g", F_OK), -1);
		assert_int_equal(access("x", F_OK), -1);
		assert_int_equal(access("/tmp/hypermin-copy-x", F_OK), -1);
		assert_int_equal(RUN("rm", "-r", "to"), 0);
		make_dir("to");
		a = begin_pax();
		put_link(a, "h", names[i], NULL);
		end(a);
		assert_int_equal(unpack_to("to"), COPY_FAILED);
		assert_int_equal(RUN("rmdir", "to"), 0);
	}
}

static void a_hard_link_is_to_a_file_of_the_same_stream(void **state)
{
	(void)state;
	make_dir("to");
	write_file("to/mine", "mine");
	struct archive *a = begin_pax();
	put_file(a, "f", "content");
	put_link(a, "g", "f", NULL);
	put_link(a, "h", "mine", NULL);
	put_link(a, "f", "g", NULL);
	put_file(a, "g", "other");
	end(a);
	assert_int_equal(unpack_to("to"), COPY_PARTLY);
	assert_string_equal(strbuf_text(&said),
		"'h': a hard link to 'mine': it is a hard link to what is no file of the "
		"stream\n");
	assert_content("to/f", "content");
	assert_content("to/g", "other");
	assert_int_equal(stat_of("to/mine").st_nlink, 1);
	assert_int_equal(stat_of("to/f").st_nlink, 1);
}

static void a_file_that_is_replaced_is_not_written_to(void **state)
{
	(void)state;
	make_dir("to");
	write_file("to/f", "old");
	assert_int_equal(link("to/f", "kept"), 0);
	make_link("../kept", "to/l");
	struct archive *a = begin_pax();
	put_file(a, "f", "new");
	put_file(a, "l", "new");
	end(a);
	assert_whole(unpack_to("to"));
	assert_content("to/f", "new");
	assert_content("to/l", "new");
	assert_content("kept", "old");
}

/* A cut file would look like a whole one. */
static void a_file_is_there_when_it_is_whole(void **state)
{
	(void)state;
	make_dir("to");
	write_file("to/b", "old");
	struct archive *a = begin_pax();
	put_file(a, "a", "first");
	put_file(a, "b", "second, which is cut");
	end(a);
	/* The end mark, and half of the content. */
	off_t size = stat_of("a").st_size;
	assert_int_equal(truncate("a", size - 1024 - 502), 0);
	assert_int_equal(unpack_to("to"), COPY_FAILED);
	assert_string_equal(
		err.msg, "'b': the stream was cut off; what was copied before it stays");
	assert_content("to/a", "first");
	assert_content("to/b", "old");
}

static void a_stream_has_an_end_mark(void **state)
{
	(void)state;
	struct archive *a = begin_pax();
	put_file(a, "f", "content");
	end(a);
	assert_int_equal(truncate("a", stat_of("a").st_size - 1024), 0);
	assert_int_equal(unpack_to("to"), COPY_FAILED);
	assert_string_equal(err.msg,
		"the stream was cut off: its end mark is missing; what was copied before it "
		"stays");
	assert_int_equal(truncate("a", 0), 0);
	assert_int_equal(unpack_to("to2"), COPY_FAILED);
	assert_string_equal(err.msg, "the stream is empty: it was cut off");
	assert_int_equal(access("to2", F_OK), -1);
}

static void the_name_that_was_asked_for_counts(void **state)
{
	(void)state;
	make_dir("to");
	struct archive *a = begin_pax();
	put_type(a, "evil", S_IFDIR | 0755, NULL);
	put_file(a, "evil/f", "f");
	put_link(a, "evil/g", "evil/f", NULL);
	put_file(a, "evil2", "x");
	end(a);
	assert_int_equal(
		unpack_as((struct copy_unpack){.dest = "to", .name = "n"}), COPY_FAILED);
	assert_string_equal(err.msg,
		"'evil2': it is beside 'evil', of which alone there was to be a copy; what was "
		"copied before it stays");
	assert_content("to/n/g", "f");
	assert_int_equal(access("to/evil", F_OK), -1);
	assert_int_equal(access("to/evil2", F_OK), -1);
}

static void the_destination_keeps_its_own_mode(void **state)
{
	(void)state;
	make_dir("to");
	struct archive *a = begin_pax();
	put_type(a, "./", S_IFDIR | 0777, NULL);
	put_type(a, "./d", S_IFDIR | 0700, NULL);
	end(a);
	assert_whole(unpack_to("to"));
	assert_int_equal(stat_of("to").st_mode, S_IFDIR | 0755);
	assert_int_equal(stat_of("to/d").st_mode, S_IFDIR | 0700);
	assert_whole(unpack_to("new"));
	assert_int_equal(stat_of("new").st_mode, S_IFDIR | 0777);
}

static void rights_that_nobody_asked_for_are_dropped(void **state)
{
	(void)state;
	make_dir("to");
	struct archive *a = begin_pax();
	put(a, entry("f", S_IFREG | 06755), "");
	put_type(a, "d", S_IFDIR | 07777, NULL);
	put_type(a, "c", S_IFCHR | 0666, NULL);
	put_type(a, "b", S_IFBLK | 0666, NULL);
	end(a);
	assert_int_equal(unpack_to("to"), COPY_PARTLY);
	assert_string_equal(strbuf_text(&said),
		"'c': a device is left out\n'b': a device is left out\n");
	assert_int_equal(stat_of("to/f").st_mode, S_IFREG | 0755);
	assert_int_equal(stat_of("to/d").st_mode, S_IFDIR | 01777);
	assert_int_equal(stat_of("to/f").st_uid, geteuid());
	assert_int_equal(access("to/c", F_OK), -1);
}

/* Two directories, the second with another mode: a mode is set when nothing more is to be made
 * in the directory. */
static void directories_get_their_times_in_the_end(void **state)
{
	(void)state;
	make_dir("to");
	struct archive *a = begin_pax();
	struct archive_entry *e = entry("d", S_IFDIR | 0555);
	archive_entry_set_mtime(e, 1000, 7);
	put(a, e, NULL);
	put_type(a, "e/implicit", S_IFIFO | 0600, NULL);
	put_file(a, "d/f", "f");
	e = entry("d/s", S_IFDIR | 0500);
	archive_entry_set_mtime(e, 2000, 8);
	put(a, e, NULL);
	put_file(a, "d/s/f", "f");
	put_file(a, "d/z", "f");
	end(a);
	mode_t mask = umask(027);
	assert_whole(unpack_to("to"));
	umask(mask);
	struct stat d = stat_of("to/d"), s = stat_of("to/d/s");
	assert_int_equal(d.st_mode, S_IFDIR | 0555);
	assert_int_equal(d.st_mtim.tv_sec, 1000);
	assert_int_equal(d.st_mtim.tv_nsec, 7);
	assert_int_equal(s.st_mode, S_IFDIR | 0500);
	assert_int_equal(s.st_mtim.tv_sec, 2000);
	assert_int_equal(s.st_mtim.tv_nsec, 8);
	assert_int_equal(stat_of("to/e").st_mode, S_IFDIR | 0750);
	assert_int_equal(chmod("to/d", 0755), 0);
	assert_int_equal(chmod("to/d/s", 0755), 0);
}

static void limits_hold(void **state)
{
	(void)state;
	make_dir("to");
	struct archive *a = begin_pax();
	put_file(a, "a", "12345");
	/* The fixture's archive has it twice. */
	struct archive_entry *e = entry("b", S_IFREG | 0644);
	archive_entry_xattr_add_entry(e, "user.x", "1234", 4);
	put(a, e, "");
	end(a);
	assert_int_equal(unpack_as((struct copy_unpack){.dest = "to", .max_size = 4}),
		COPY_FAILED);
	assert_string_equal(
		err.msg, "'a': the stream has more than the 4 bytes that are allowed");
	assert_int_equal(unpack_as((struct copy_unpack){.dest = "to", .max_size = 24}),
		COPY_FAILED);
	assert_whole(unpack_as((struct copy_unpack){.dest = "to", .max_size = 25}));
	assert_int_equal(unpack_as((struct copy_unpack){.dest = "to", .max_entries = 1}),
		COPY_FAILED);
	assert_whole(unpack_as((struct copy_unpack){.dest = "to", .max_entries = 2}));
}

static void it_stops_when_it_is_told(void **state)
{
	const sig_atomic_t stop = 1;

	(void)state;
	struct archive *a = begin_pax();
	put_file(a, "a", "12345");
	end(a);
	assert_int_equal(unpack_as((struct copy_unpack){.dest = "to", .stop = &stop}),
		COPY_FAILED);
	assert_string_equal(err.msg, "interrupted");
	assert_int_equal(access("to", F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		copy_test(a_link_below_the_destination_is_not_followed),
		copy_test(a_name_that_leads_outside_ends_the_copy),
		copy_test(a_hard_link_is_to_a_file_of_the_same_stream),
		copy_test(a_file_that_is_replaced_is_not_written_to),
		copy_test(a_file_is_there_when_it_is_whole),
		copy_test(a_stream_has_an_end_mark),
		copy_test(the_name_that_was_asked_for_counts),
		copy_test(the_destination_keeps_its_own_mode),
		copy_test(rights_that_nobody_asked_for_are_dropped),
		copy_test(directories_get_their_times_in_the_end),
		copy_test(limits_hold),
		copy_test(it_stops_when_it_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
