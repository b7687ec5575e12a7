/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Trees become streams, however deep they are and whatever happens to them meanwhile. */
#include "fixture-copy.h"

/* The names in the stream "a", with a space behind each. */
static char *names_in_stream(void)
{
	struct archive *a = archive_read_new();
	struct strbuf sb = {0};
	struct archive_entry *e;
	int r;

	archive_read_support_format_tar(a);
	assert_int_equal(archive_read_open_filename(a, "a", 10240), ARCHIVE_OK);
	while ((r = archive_read_next_header(a, &e)) == ARCHIVE_OK)
		strbuf_addf(&sb, "%s ", archive_entry_pathname(e));
	assert_int_equal(r, ARCHIVE_EOF);
	archive_read_free(a);
	return strbuf_detach(&sb);
}

static void a_tree_is_in_order(void **state)
{
	(void)state;
	make_dir("t");
	make_dir("t/b");
	write_file("t/b/c", "1");
	write_file("t/a", "2");
	write_file("t/z", "3");
	assert_whole(pack_to("a", "t"));
	CLEANUP_FREE char *names = names_in_stream();
	assert_string_equal(names, "t/ t/a t/b/ t/b/c t/z ");
	assert_string_equal(strbuf_text(&said), "");
}

/* 2000 levels, of which 128 are open at a time; and on the way back a file in each. */
static void depth_costs_no_descriptors(void **state)
{
	const int depth = 2000;
	CLEANUP_CLOSE int fd = -1;
	CLEANUP_STRBUF struct strbuf path = {0};

	(void)state;
	make_dir("t");
	fd = open("t", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < depth; i++) {
		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		assert_int_equal(mknodat(fd, "z", S_IFREG | 0644, 0), 0);
		int below = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = below;
	}
	assert_whole(pack_to("a", "t"));
	assert_string_equal(strbuf_text(&said), "");
	CLEANUP_FREE char *names = names_in_stream();
	int entries = 0;
	for (const char *p = names; (p = strchr(p, ' ')); p++)
		entries++;
	assert_int_equal(entries, 1 + 2 * depth);
	assert_whole(unpack_to("u"));
	assert_string_equal(strbuf_text(&said), "");
}

static void a_path_that_is_not_there_writes_nothing(void **state)
{
	(void)state;
	assert_int_equal(pack_to("a", "t\033[1m"), COPY_FAILED);
	assert_string_equal(err.msg, "copy 't?[1m': No such file or directory");
	assert_int_equal(stat_of("a").st_size, 0);
}

/* Removed between the reading of its directory and its turn: while the pipe is full. */
static void what_vanishes_is_said(void **state)
{
	CLEANUP_FREE char *large = xcalloc(1, 3 << 20);
	char bytes[65536];
	int fds[2], status;
	ssize_t n;

	(void)state;
	memset(large, 'x', (3 << 20) - 1);
	make_dir("t");
	write_file("t/a", large);
	write_file("t/b", "vanishes");
	write_file("t/c", "stays");
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		const struct copy_pack request = {.path = "t", .out_fd = fds[1]};
		close(fds[0]);
		int result = copy_pack(&request, &err);
		bool right =
			strcmp(strbuf_text(&said),
				"'t/b': it is left out: No such file or directory\n") ==
			0;
		_exit(right ? 10 + result : 1);
	}
	close(fds[1]);
	CLEANUP_CLOSE int out = open("a", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	for (bool removed = false; (n = read(fds[0], bytes, sizeof(bytes))) > 0;) {
		assert_int_equal(io_write_full(out, bytes, n), 0);
		if (!removed)
			assert_int_equal(unlink("t/b"), 0);
		removed = true;
	}
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 10 + COPY_PARTLY);
	CLEANUP_FREE char *names = names_in_stream();
	assert_string_equal(names, "t/ t/a t/c ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		copy_test(a_tree_is_in_order),
		copy_test(depth_costs_no_descriptors),
		copy_test(a_path_that_is_not_there_writes_nothing),
		copy_test(what_vanishes_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
