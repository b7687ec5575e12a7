/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why a VM was lost: the error has all that qemu said, in whatever pieces it came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vm/state.h"

struct lost {
	struct vm vm;
	struct error err;
};

static int setup(void **state)
{
	*state = xcalloc(1, sizeof(struct lost));
	return 0;
}

static int teardown(void **state)
{
	struct lost *lost = *state;

	console_done(&lost->vm.messages.text);
	free(lost);
	return 0;
}

/* qemu is a shell with this script. */
static void ends(struct lost *lost, const char *script)
{
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};
	struct child *qemu = &lost->vm.qemu;

	*qemu = (struct child){.argv = (char *const *)argv, .output_fd = STDERR_FILENO};
	if (child_start(qemu, &lost->err) < 0)
		fail_msg("%s", lost->err.msg);
}

static int says(struct lost *lost, const char *words)
{
	console_add(&lost->vm.messages.text, words, strlen(words));
	return failure_if_waiting(&lost->vm, &lost->err);
}

static void a_disk_in_use_is_waited_for_to_the_end_of_the_line(void **state)
{
	struct lost *lost = *state;

	assert_int_equal(says(lost, ""), 0);
	assert_int_equal(says(lost, "qemu: -blockdev {…}:"), 0);
	assert_int_equal(says(lost, " Failed to get \"write\" lock\n"), 0);
	assert_int_equal(says(lost, "Is another process using the image"), 0);
	assert_int_equal(lost->vm.loss, LOSS_NONE);
	assert_int_equal(says(lost, " [a.img]?\n"), -1);
	assert_int_equal(lost->vm.loss, LOSS_FINAL);
	assert_int_equal(lost->vm.phase, PHASE_OVER);
	assert_non_null(strstr(lost->err.msg, "in use by another process"));
	assert_non_null(strstr(lost->err.msg, "using the image [a.img]?"));
}

/* It ends by itself, and the reason may be still to come. */
static void a_disk_that_qemu_cannot_open_is_not_the_last_word(void **state)
{
	struct lost *lost = *state;

	assert_int_equal(says(lost, "qemu: -blockdev {…}: "), 0);
	assert_int_equal(says(lost, "Unsupported qcow2 version 99\n"), 0);
	ends(lost, "exit 1");
	assert_int_equal(failure_explain_end(&lost->vm, &lost->err), -1);
	assert_int_equal(lost->vm.loss, LOSS_FINAL);
	assert_non_null(strstr(lost->err.msg, "can't open a disk image"));
	assert_non_null(strstr(lost->err.msg, "Unsupported qcow2 version 99"));
}

/* It aborts, which says nothing; and it would again. */
static void a_limit_on_threads_is_named(void **state)
{
	struct lost *lost = *state;

	assert_int_equal(
		says(lost, "qemu_thread_create: Resource temporarily unavailable\n"), 0);
	ends(lost, "kill -ABRT $$");
	assert_int_equal(failure_explain_end(&lost->vm, &lost->err), -1);
	assert_int_equal(lost->vm.loss, LOSS_FINAL);
	assert_non_null(strstr(lost->err.msg, "ulimit -u"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_disk_in_use_is_waited_for_to_the_end_of_the_line, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_disk_that_qemu_cannot_open_is_not_the_last_word, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_limit_on_threads_is_named, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
