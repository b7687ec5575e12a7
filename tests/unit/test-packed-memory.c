/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A VM's memory comes back as it was packed, and damage to its file is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "appliance/packed-memory.h"
#include "base/file.h"
#include "base/io.h"
#include "base/mem.h"

#define PAGE 4096
#define SIZE (300 * PAGE)

static int new_file(uint64_t size)
{
	int fd = file_in_memory("test", size, NULL);

	assert_true(fd >= 0);
	return fd;
}

static void put(int fd, const char *text, off_t at)
{
	assert_int_equal(io_pwrite_full(fd, text, strlen(text), at), 0);
}

/* Runs of one page and of more than the buffer has, at both ends, and pages of zeros that are no
 * hole. */
static int make_memory(void)
{
	int fd = new_file(SIZE);

	put(fd, "first", 0);
	for (int i = 100; i < 180; i++)
		put(fd, "many", i * PAGE + i);
	put(fd, "\0", 50 * PAGE);
	assert_int_equal(io_pwrite_full(fd, "", 1, 60 * PAGE), 0);
	put(fd, "last", SIZE - 4);
	return fd;
}

static int pack(int memory)
{
	int fd = new_file(0);

	assert_int_equal(packed_memory_write(memory, fd, NULL), 0);
	return fd;
}

static void it_comes_back_as_it_was(void **state)
{
	CLEANUP_CLOSE int memory = make_memory();
	CLEANUP_CLOSE int packed = pack(memory);
	CLEANUP_CLOSE int again = packed_memory_read(packed, SIZE, NULL);
	CLEANUP_FREE char *before = xmalloc(SIZE), *after = xmalloc(SIZE);
	struct stat st;

	(void)state;
	assert_true(again >= 0);
	assert_int_equal(io_pread_full(memory, before, SIZE, 0), SIZE);
	assert_int_equal(io_pread_full(again, after, SIZE, 0), SIZE);
	assert_memory_equal(before, after, SIZE);
	assert_int_equal(fstat(again, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	/* A header of one page, and the 82 pages that are not zero. */
	assert_int_equal(fstat(packed, &st), 0);
	assert_int_equal(st.st_size, 83 * PAGE);
}

static void a_memory_of_zeros_is_a_header(void **state)
{
	CLEANUP_CLOSE int memory = new_file(SIZE);
	CLEANUP_CLOSE int packed = pack(memory);
	CLEANUP_CLOSE int again = packed_memory_read(packed, SIZE, NULL);
	struct stat st;

	(void)state;
	assert_true(again >= 0);
	assert_int_equal(fstat(packed, &st), 0);
	assert_int_equal(st.st_size, PAGE);
}

/* Each byte counts, but those between the header's end and its page's. */
static void damage_is_found(void **state)
{
	static const off_t places[] = {
		0, 8, 15, 16, 20, 24, 30, PAGE, 40 * PAGE + 17, 83 * PAGE - 1};
	CLEANUP_CLOSE int memory = make_memory();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		CLEANUP_CLOSE int packed = pack(memory);
		char byte;
		assert_int_equal(io_pread_full(packed, &byte, 1, places[i]), 1);
		byte ^= 0x80;
		assert_int_equal(io_pwrite_full(packed, &byte, 1, places[i]), 0);
		if (packed_memory_read(packed, SIZE, NULL) >= 0)
			fail_msg("the damage at %lld is not found", (long long)places[i]);
	}
}

static void another_size_is_refused(void **state)
{
	CLEANUP_CLOSE int memory = make_memory();
	CLEANUP_CLOSE int packed = pack(memory);

	(void)state;
	assert_int_equal(packed_memory_read(packed, SIZE + PAGE, NULL), -1);
	assert_int_equal(packed_memory_read(packed, SIZE - PAGE, NULL), -1);
	assert_int_equal(ftruncate(packed, 82 * PAGE), 0);
	assert_int_equal(packed_memory_read(packed, SIZE, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_comes_back_as_it_was),
		cmocka_unit_test(a_memory_of_zeros_is_a_header),
		cmocka_unit_test(damage_is_found),
		cmocka_unit_test(another_size_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
