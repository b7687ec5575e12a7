/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is remembered of earlier starts counts for the same qemu, kernel and boot of the host. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture-root.h"
#include "vm/verdicts.h"

struct known {
	struct fixture_root root;
	struct verdict_key key;
	char *qemu, *kernel;
};

static int setup(void **state)
{
	struct known *k = xcalloc(1, sizeof(*k));

	fixture_root_init(&k->root);
	fixture_root_write(&k->root, "qemu", "content");
	fixture_root_write(&k->root, "kernel", "content");
	k->qemu = fixture_root_place(&k->root, "qemu");
	k->kernel = fixture_root_place(&k->root, "kernel");
	k->key = (struct verdict_key){
		open(k->root.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), k->qemu,
		k->kernel};
	verdict_remember(&k->key, "accelerator", "tcg", "it is\nslow");
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	struct known *k = *state;

	close(k->key.cache_fd);
	fixture_root_done(&k->root);
	free(k->qemu);
	free(k->kernel);
	free(k);
	return 0;
}

static bool is_known(const struct verdict_key *key, const char *subject)
{
	char *reason;
	char verdict[16];

	if (!verdict_recall(key, subject, verdict, &reason))
		return false;
	assert_string_equal(verdict, "tcg");
	assert_string_equal(reason, "it is");
	free(reason);
	return true;
}

static void a_verdict_is_of_one_qemu_kernel_and_subject(void **state)
{
	struct known *k = *state;
	struct verdict_key other = k->key;

	assert_true(is_known(&k->key, "accelerator"));
	assert_false(is_known(&k->key, "accelerators"));
	other.kernel = NULL;
	assert_false(is_known(&other, "accelerator"));
	other = k->key;
	other.qemu = "/usr/bin/another";
	assert_false(is_known(&other, "accelerator"));
	other = k->key;
	other.cache_fd = -1;
	assert_false(is_known(&other, "accelerator"));
}

static void assert_unknown_for(const struct known *k, const char *name)
{
	CLEANUP_FREE char *kernel = fixture_root_place(&k->root, name);
	struct verdict_key other = k->key;

	other.kernel = kernel;
	assert_false(is_known(&other, "accelerator"));
}

static void a_copy_of_the_kernel_is_another(void **state)
{
	struct known *k = *state;
	struct stat st;

	fixture_root_write(&k->root, "copy", "content");
	assert_int_equal(stat(k->kernel, &st), 0);
	const struct timespec times[] = {st.st_atim, st.st_mtim};
	CLEANUP_FREE char *copy = fixture_root_place(&k->root, "copy");
	assert_int_equal(utimensat(AT_FDCWD, copy, times, 0), 0);
	assert_unknown_for(k, "copy");
	fixture_root_link(&k->root, "link", "kernel");
	assert_unknown_for(k, "link");
}

/* The appliances of the cache share it by links. */
static void a_link_more_makes_no_other_kernel(void **state)
{
	struct known *k = *state;
	CLEANUP_FREE char *other = fixture_root_place(&k->root, "other");

	assert_int_equal(link(k->kernel, other), 0);
	assert_true(is_known(&k->key, "accelerator"));
	k->key.kernel = other;
	assert_true(is_known(&k->key, "accelerator"));
}

static void a_qemu_that_was_upgraded_is_another(void **state)
{
	struct known *k = *state;
	struct stat st;

	assert_int_equal(stat(k->qemu, &st), 0);
	struct timespec times[] = {st.st_atim, st.st_mtim};
	times[1].tv_sec += 2;
	assert_int_equal(utimensat(AT_FDCWD, k->qemu, times, 0), 0);
	assert_false(is_known(&k->key, "accelerator"));
	times[1].tv_sec -= 2;
	assert_int_equal(utimensat(AT_FDCWD, k->qemu, times, 0), 0);
	assert_true(is_known(&k->key, "accelerator"));
	assert_int_equal(truncate(k->qemu, 1), 0);
	assert_int_equal(utimensat(AT_FDCWD, k->qemu, times, 0), 0);
	assert_false(is_known(&k->key, "accelerator"));
}

static void a_verdict_does_not_outlive_the_boot(void **state)
{
	struct known *k = *state;
	char byte;

	int fd = openat(k->key.cache_fd, "verdicts", O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &byte, 1, 0), 1);
	byte = byte == '0' ? '1' : '0';
	assert_int_equal(pwrite(fd, &byte, 1, 0), 1);
	close(fd);
	assert_false(is_known(&k->key, "accelerator"));
	/* What is learned now does not bring the old ones back. */
	verdict_remember(&k->key, "clock", "tcg", "it is");
	assert_true(is_known(&k->key, "clock"));
	assert_false(is_known(&k->key, "accelerator"));
}

static void the_last_verdict_counts(void **state)
{
	struct known *k = *state;
	char *reason;
	char verdict[16];

	verdict_remember(&k->key, "accelerator", "kvm", "better");
	assert_true(verdict_recall(&k->key, "accelerator", verdict, &reason));
	assert_string_equal(verdict, "kvm");
	free(reason);
}

static void the_oldest_are_forgotten(void **state)
{
	struct known *k = *state;

	for (int i = 0; i < 500; i++) {
		CLEANUP_FREE char *subject = xasprintf("subject %d", i);
		verdict_remember(&k->key, subject, "tcg", "it is");
		assert_true(is_known(&k->key, subject));
	}
	assert_false(is_known(&k->key, "accelerator"));
	assert_true(is_known(&k->key, "subject 450"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_verdict_is_of_one_qemu_kernel_and_subject),
		TEST(a_copy_of_the_kernel_is_another),
		TEST(a_link_more_makes_no_other_kernel),
		TEST(a_qemu_that_was_upgraded_is_another),
		TEST(a_verdict_does_not_outlive_the_boot),
		TEST(the_last_verdict_counts),
		TEST(the_oldest_are_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
