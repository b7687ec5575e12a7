/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An appliance that was let go: what it says comes out whole, and how it ends is the run's
 * end. The guest is a socket here, and qemu another program.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/control.h"
#include "base/monotonic.h"
#include "vm/state.h"

struct appliance_run {
	struct vm vm;
	int guest, control;
	/* The run's own streams: [0] is read, [1] written. */
	int in[2], out[2];
	struct error err;
};

static int setup(void **state)
{
	struct appliance_run *run = xcalloc(1, sizeof(*run));
	int console[2], control[2];

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console), 0);
	assert_int_equal(pipe2(run->in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(run->out, O_CLOEXEC), 0);
	assert_int_equal(control_open(control, &run->err), 0);
	run->vm = (struct vm){
		.phase = PHASE_LET_GO,
		.qmp.fd = -1,
		.messages.fd = -1,
		.guest.fd = -1,
		.console.fd = console[0],
		.control_fd = control[0],
		.owner_fd = -1,
	};
	run->vm.guest.agent = agent_new(&vm_agent_handler, &run->vm);
	run->guest = console[1];
	run->control = control[1];
	*state = run;
	return 0;
}

static int teardown(void **state)
{
	struct appliance_run *run = *state;
	int *const fds[] = {&run->guest, &run->control, &run->in[0], &run->in[1],
		&run->out[0], &run->out[1], &run->vm.console.fd, &run->vm.control_fd};

	child_kill(&run->vm.qemu);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		cleanup_close(fds[i]);
	agent_free(run->vm.guest.agent);
	console_done(&run->vm.console.text);
	vector_done(&run->vm.polled);
	free(run);
	return 0;
}

/* In qemu's place. */
static void start(struct appliance_run *run, const char *program)
{
	char shell[] = "/bin/sh", option[] = "-c";
	CLEANUP_FREE char *words = xstrdup(program);
	char *const argv[] = {shell, option, words, NULL};

	run->vm.qemu = (struct child){
		.argv = argv,
		.output_fd = STDERR_FILENO,
		.pass = &run->guest,
		.n_pass = run->guest >= 0,
	};
	assert_int_equal(child_start(&run->vm.qemu, &run->err), 0);
}

static void guest_says(struct appliance_run *run, const void *bytes, size_t len)
{
	assert_int_equal(write(run->guest, bytes, len), len);
}

/* The end of the guest's side comes with qemu's. */
static void guest_ends(struct appliance_run *run)
{
	close(TAKE_FD(run->guest));
}

static int let_go(struct appliance_run *run, int64_t deadline_ms)
{
	return vm_let_go(&run->vm, run->in[0], run->out[1], deadline_ms, &run->err);
}

static void what_is_said_before_the_end_comes_out_byte_by_byte(void **state)
{
	static const char said[] = "\0\x1b[2J\xff\nlast words";
	struct appliance_run *run = *state;
	char got[sizeof(said) + 1];

	start(run, "exit 0");
	guest_says(run, said, sizeof(said));
	guest_ends(run);
	/* It has ended before anything is read. */
	struct pollfd end = {run->vm.qemu.status_fd, POLLIN, 0};
	assert_int_equal(poll(&end, 1, -1), 1);
	assert_int_equal(let_go(run, 0), 0);
	assert_int_equal(read(run->out[0], got, sizeof(got)), sizeof(said));
	assert_memory_equal(got, said, sizeof(said));
	assert_int_equal(run->vm.phase, PHASE_OVER);
}

/* The program in qemu's place is the guest, too: what it reads decides its status. */
static void the_input_reaches_the_guest(void **state)
{
	struct appliance_run *run = *state;
	CLEANUP_FREE char *program = xasprintf(
		"read -r word <&%d; test \"$word\" = command && exit 5", run->guest);

	assert_int_equal(write(run->in[1], "command\n", 8), 8);
	start(run, program);
	guest_ends(run);
	assert_int_equal(let_go(run, 0), -1);
	assert_non_null(strstr(run->err.msg, "exit status 5"));
}

static void an_interrupt_ends_it(void **state)
{
	struct appliance_run *run = *state;

	start(run, "exec sleep 1000");
	control_send(run->control, CONTROL_INTERRUPT, SIGINT);
	assert_int_equal(let_go(run, 0), -1);
	assert_int_equal(run->err.num, EINTR);
}

static void a_panic_is_told_without_its_control_characters(void **state)
{
	static const char said[] = "Kernel panic - not syncing: \x1b[2Jno init\r\n";
	struct appliance_run *run = *state;

	start(run, "exit 0");
	guest_says(run, said, strlen(said));
	guest_ends(run);
	assert_int_equal(let_go(run, 0), -1);
	assert_non_null(strstr(run->err.msg, "the guest's kernel panicked"));
	assert_null(strchr(run->err.msg, '\x1b'));
	assert_int_equal(run->vm.loss, LOSS_GUEST);
}

static void a_qemu_that_fails_is_an_error(void **state)
{
	struct appliance_run *run = *state;

	start(run, "exit 3");
	guest_ends(run);
	assert_int_equal(let_go(run, 0), -1);
	assert_non_null(strstr(run->err.msg, "qemu ended with exit status 3"));
	assert_int_equal(run->vm.loss, LOSS_FINAL);
}

static void a_guest_that_closes_its_side_is_waited_for(void **state)
{
	struct appliance_run *run = *state;

	guest_ends(run);
	start(run, "sleep 0.2; exit 4");
	assert_int_equal(let_go(run, 0), -1);
	assert_non_null(strstr(run->err.msg, "exit status 4"));
}

/* Nothing is taken from a guest that nobody listens to, but what fits. */
static void a_guest_that_floods_ends_with_its_time(void **state)
{
	struct appliance_run *run = *state;
	CLEANUP_FREE char *program = xasprintf("exec cat /dev/zero >&%d", run->guest);

	start(run, program);
	guest_ends(run);
	assert_int_equal(let_go(run, monotonic_ms() + 300), -1);
	assert_int_equal(run->err.num, ETIMEDOUT);
	assert_int_equal(run->vm.phase, PHASE_OVER);
}

static void a_vm_that_is_over_is_not_let_go(void **state)
{
	struct appliance_run *run = *state;

	run->vm.phase = PHASE_OVER;
	assert_int_equal(let_go(run, 0), -1);
	assert_int_equal(run->err.num, ESRCH);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(what_is_said_before_the_end_comes_out_byte_by_byte),
		CASE(the_input_reaches_the_guest),
		CASE(an_interrupt_ends_it),
		CASE(a_panic_is_told_without_its_control_characters),
		CASE(a_qemu_that_fails_is_an_error),
		CASE(a_guest_that_closes_its_side_is_waited_for),
		CASE(a_guest_that_floods_ends_with_its_time),
		CASE(a_vm_that_is_over_is_not_let_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
