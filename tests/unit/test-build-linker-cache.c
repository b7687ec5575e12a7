/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists of libraries, made by the host's ldconfig and judged by it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "build/linker-cache.h"

struct list {
	char *bytes;
	size_t len;
};

static void read_list(const char *path, struct list *ret)
{
	struct error err;

	if (io_read_file(AT_FDCWD, path, 16 << 20, &ret->bytes, &ret->len, &err) < 0)
		fail_msg("%s", err.msg);
}

static int setup(void **state)
{
	struct list *l = xcalloc(1, sizeof(*l));

	*state = l;
	if (access("/etc/ld.so.cache", R_OK) == 0)
		read_list("/etc/ld.so.cache", l);
	return 0;
}

static int teardown(void **state)
{
	struct list *l = *state;

	free(l->bytes);
	free(l);
	return 0;
}

static struct list *host_list(void **state)
{
	struct list *l = *state;

	if (!l->bytes)
		skip();
	return l;
}

/* What `ldconfig -p` says of a list, without its first line, which has the file's name,
 * and without what only the host's says of its maker. */
static char *printed(const void *bytes, size_t len)
{
	char path[] = "/tmp/hypermin-test-XXXXXX";
	int fd = mkstemp(path);
	CLEANUP_FREE char *command =
		xasprintf("/sbin/ldconfig -p -C %s | grep '=>'", path);
	struct strbuf text = {0};
	char line[4096];

	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, bytes, len), 0);
	close(fd);
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe))
		strbuf_adds(&text, line);
	pclose(pipe);
	unlink(path);
	return strbuf_detach(&text);
}

static bool keep_all(const char *path, void *data)
{
	(void)path;
	(void)data;
	return true;
}

static bool keep_libc(const char *path, void *data)
{
	(void)data;
	return strstr(path, "/libc.so.6");
}

static void all_that_is_kept_says_the_same(void **state)
{
	struct list *l = host_list(state);
	CLEANUP_STRBUF struct strbuf reduced = {0};

	assert_int_equal(
		linker_cache_reduce(l->bytes, l->len, keep_all, NULL, &reduced), 0);
	CLEANUP_FREE char *before = printed(l->bytes, l->len);
	CLEANUP_FREE char *after = printed(reduced.data, reduced.len);
	assert_true(*before);
	assert_string_equal(after, before);
}

static void the_rest_is_gone_and_its_names_too(void **state)
{
	struct list *l = host_list(state);
	CLEANUP_STRBUF struct strbuf reduced = {0};

	assert_int_equal(
		linker_cache_reduce(l->bytes, l->len, keep_libc, NULL, &reduced), 0);
	CLEANUP_FREE char *after = printed(reduced.data, reduced.len);
	assert_non_null(strstr(after, "libc.so.6"));
	assert_null(strstr(after, "libm.so"));
	assert_null(memmem(reduced.data, reduced.len, "libm.so", 7));
}

static void doing_it_again_changes_nothing(void **state)
{
	struct list *l = host_list(state);
	CLEANUP_STRBUF struct strbuf once = {0}, twice = {0};

	linker_cache_reduce(l->bytes, l->len, keep_libc, NULL, &once);
	assert_int_equal(
		linker_cache_reduce(once.data, once.len, keep_libc, NULL, &twice), 0);
	assert_int_equal(once.len, twice.len);
	assert_memory_equal(once.data, twice.data, once.len);
}

static void what_is_cut_is_not_a_list(void **state)
{
	struct list *l = host_list(state);
	CLEANUP_STRBUF struct strbuf reduced = {0};

	for (size_t len = 0; len < MIN(l->len, 4096u); len++) {
		/* A block of its own, so that a byte too far is noticed. */
		CLEANUP_FREE char *cut = xmemdup(l->bytes, len + 1);
		cut = xreallocarray(cut, MAX(len, 1u), 1);
		assert_int_equal(
			linker_cache_reduce(cut, len, keep_all, NULL, &reduced), 1);
	}
	assert_int_equal(reduced.len, 0);
}

/* One entry, whose path is the last string. */
static void a_string_that_does_not_end_is_no_path(void **state)
{
	static const char strings[] = "libx.so\0/lib/libx.so";
	enum { HEADER = 48, ENTRY = 24, LEN = HEADER + ENTRY + sizeof(strings) };
	uint8_t list[LEN] = "glibc-ld.so.cache1.1";
	CLEANUP_STRBUF struct strbuf reduced = {0};

	(void)state;
	list[20] = 1;
	list[24] = sizeof(strings);
	list[HEADER + 4] = HEADER + ENTRY;
	list[HEADER + 8] = HEADER + ENTRY + sizeof("libx.so");
	memcpy(list + HEADER + ENTRY, strings, sizeof(strings));
	assert_int_equal(linker_cache_reduce(list, LEN, keep_all, NULL, &reduced), 0);
	strbuf_clear(&reduced);
	assert_int_equal(linker_cache_reduce(list, LEN - 1, keep_all, NULL, &reduced), 1);
	/* Nor is one that begins behind the end. */
	list[HEADER + 8] = LEN;
	assert_int_equal(linker_cache_reduce(list, LEN, keep_all, NULL, &reduced), 1);
}

/* Of a big-endian machine. */
static void another_byte_order_is_not_known(void **state)
{
	uint8_t header[48] = "glibc-ld.so.cache1.1";
	CLEANUP_STRBUF struct strbuf reduced = {0};

	(void)state;
	header[28] = 2;
	assert_int_equal(
		linker_cache_reduce(header, sizeof(header), keep_all, NULL, &reduced), 0);
	header[28] = 3;
	assert_int_equal(
		linker_cache_reduce(header, sizeof(header), keep_all, NULL, &reduced), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_that_is_kept_says_the_same),
		TEST(the_rest_is_gone_and_its_names_too),
		TEST(doing_it_again_changes_nothing),
		TEST(what_is_cut_is_not_a_list),
		TEST(a_string_that_does_not_end_is_no_path),
		TEST(another_byte_order_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
