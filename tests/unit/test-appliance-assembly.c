/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making an appliance from inputs: what is decided before the builder runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "appliance/assembly.h"
#include "base/control.h"
#include "fixture-root.h"

static int control[2];

static void *interrupt_later(void *unused)
{
	(void)unused;
	usleep(200 * 1000);
	control_send(control[1], CONTROL_INTERRUPT, SIGTERM);
	return NULL;
}

/* By another thread, whose message is no signal that would end a call of ours. */
static void an_interrupt_ends_the_wait_for_the_lock(void **state)
{
	const struct fixture_root *root = *state;
	CLEANUP_FREE char *path = fixture_root_place(root, "lock");
	CLEANUP_FREE char *output = fixture_root_place(root, "output");
	const struct assembly a = {.root = "/", .output = output};
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	pthread_t thread;
	struct error err;
	bool made;

	CLEANUP_CLOSE int other = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(fcntl(other, F_OFD_SETLK, &lock), 0);
	assert_int_equal(control_open(control, &err), 0);
	assert_int_equal(pthread_create(&thread, NULL, interrupt_later, NULL), 0);
	alarm(20);
	assert_int_equal(
		assembly_make(&a, path, "/nowhere", control[0], &made, &err), -1);
	alarm(0);
	assert_int_equal(err.num, EINTR);
	pthread_join(thread, NULL);
	close(control[0]);
	close(control[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_interrupt_ends_the_wait_for_the_lock,
			fixture_root_setup, fixture_root_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
