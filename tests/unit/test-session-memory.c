/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMs that want to be sure of their memory get it only while it is there, with what others may
 * come to take, and however many start at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/remove.h"
#include "session/memory.h"

#define MIB	 (UINT64_C(1) << 20)
#define STARTERS 24
#define PLACES	 5

static char scratch[] = "/tmp/hypermin-memory.XXXXXX";

static void write_file(const char *name, const char *text)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", scratch, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(scratch));
	setenv("XDG_RUNTIME_DIR", scratch, 1);
	write_file("meminfo",
		"MemTotal:       2097152 kB\nMemFree: 1 kB\nMemAvailable:    1024000 kB\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	remove_all(AT_FDCWD, scratch);
	return 0;
}

static enum memory_result try_claim(
	uint64_t mib, struct memory_claim *ret, struct memory_room *ret_room)
{
	struct error err;
	enum memory_result result =
		memory_claim_if_free(scratch, mib * MIB, ret, ret_room, &err);

	assert_int_not_equal(result, MEMORY_FAILED);
	return result;
}

static void what_others_may_take_is_not_free(void **state)
{
	struct memory_claim first, second, third;
	struct memory_room room;

	(void)state;
	assert_int_equal(try_claim(600, &first, &room), MEMORY_CLAIMED);
	assert_int_equal(room.total, 2048 * MIB);
	assert_int_equal(try_claim(401, &second, &room), MEMORY_SHORT);
	assert_int_equal(room.promised, 600 * MIB);
	assert_int_equal(room.available, 1000 * MIB);
	assert_int_equal(room.n_claims, 1);
	assert_int_equal(try_claim(400, &second, &room), MEMORY_CLAIMED);
	/* One that is not to be sure is counted, too. */
	memory_claim_release(&second);
	assert_int_equal(memory_claim(300 * MIB, &third, NULL), 0);
	assert_int_equal(try_claim(101, &second, &room), MEMORY_SHORT);
	assert_int_equal(try_claim(100, &second, &room), MEMORY_CLAIMED);
	memory_claim_release(&first);
	memory_claim_release(&second);
	memory_claim_release(&third);
	assert_int_equal(try_claim(1000, &first, &room), MEMORY_CLAIMED);
	memory_claim_release(&first);
	/* Of none. */
	memory_claim_release(&first);
}

static void what_a_vm_has_taken_is_not_counted_twice(void **state)
{
	CLEANUP_FREE char *dir = xasprintf("%s/4711", scratch);
	struct memory_claim first, second;
	struct memory_room room;

	(void)state;
	mkdir(dir, 0700);
	write_file("4711/status",
		"Name:\tqemu\nVmRSS:\t  500000 kB\nRssAnon:\t  204800 kB\n"
		"RssFile:\t   300000 kB\nRssShmem:\t  102400 kB\n");
	assert_int_equal(try_claim(600, &first, &room), MEMORY_CLAIMED);
	memory_claim_set(&first, 500 * MIB, 4711);
	/* It has 200 and 100 of these 500; the pages of a file are not its own. */
	assert_int_equal(try_claim(801, &second, &room), MEMORY_SHORT);
	assert_int_equal(room.promised, 200 * MIB);
	/* More than it has claimed is no debt. */
	memory_claim_set(&first, 100 * MIB, 4711);
	assert_int_equal(try_claim(1000, &second, &room), MEMORY_CLAIMED);
	memory_claim_release(&first);
	memory_claim_release(&second);
}

static void a_killed_process_has_no_claim(void **state)
{
	struct memory_claim claim;
	struct memory_room room;
	int ready[2], status;
	char byte;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (memory_claim(900 * MIB, &claim, NULL) == 0 && write(ready[1], "", 1))
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(try_claim(200, &claim, &room), MEMORY_SHORT);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_int_equal(try_claim(1000, &claim, &room), MEMORY_CLAIMED);
	assert_int_equal(room.n_claims, 0);
	memory_claim_release(&claim);
	close(ready[0]);
	close(ready[1]);
}

struct seats {
	unsigned now, most, served;
};

/* A VM that takes a moment. */
static void be_starter(struct seats *seats)
{
	struct memory_claim claim;
	struct memory_room room;
	struct error err;
	enum memory_result result;

	while ((result = memory_claim_if_free(
			scratch, 1000 / PLACES * MIB, &claim, &room, &err)) > 0)
		usleep(500);
	if (result < 0)
		_exit(1);
	unsigned now = __atomic_add_fetch(&seats->now, 1, __ATOMIC_SEQ_CST);
	unsigned most = __atomic_load_n(&seats->most, __ATOMIC_SEQ_CST);
	while (now > most &&
		!__atomic_compare_exchange_n(&seats->most, &most, now, false,
			__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	usleep(5000);
	__atomic_sub_fetch(&seats->now, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&seats->served, 1, __ATOMIC_SEQ_CST);
	memory_claim_release(&claim);
	_exit(0);
}

static void many_that_start_at_once_never_have_more_than_there_is(void **state)
{
	struct seats *seats = mmap(NULL, sizeof(*seats), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	(void)state;
	assert_ptr_not_equal(seats, MAP_FAILED);
	for (int i = 0; i < STARTERS; i++)
		if (fork() == 0)
			be_starter(seats);
	for (int i = 0; i < STARTERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(seats->served, STARTERS);
	assert_in_range(seats->most, 1, PLACES);
	munmap(seats, sizeof(*seats));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_others_may_take_is_not_free),
		cmocka_unit_test(what_a_vm_has_taken_is_not_counted_twice),
		cmocka_unit_test(a_killed_process_has_no_claim),
		cmocka_unit_test(many_that_start_at_once_never_have_more_than_there_is),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
