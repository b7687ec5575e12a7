/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Both sides of the agent talk over a socket pair: the guest's in a process of its own,
 * with real commands, pipes and terminals, but without a machine to stop. It needs root,
 * as the guest's does to become a user.
 *
 *	with_fixture(TEST)	a test's rows: without and with a process that stands by
 *	run_script(f, …)	a command to its end; then f->status, f->out, …
 *	run_agent_tests(tests)	all of them; what main() returns
 */
#pragma once

#include "guest/agent.c"
#include "guest/channel.c"
#include "guest/child.c"
#include "guest/clock.c"
#include "guest/command.c"
#include "guest/devices.c"
#include "guest/file.c"
#include "guest/frames.c"
#include "guest/log.c"
#include "guest/plumbing.c"
#include "guest/port.c"
#include "guest/standby.c"
#include "guest/streams.c"
#include "guest/uevent.c"
#include "guest/user.c"

/* child.c's fail() is done with; cmocka has a macro of that name. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "base/monotonic.h"
#include "base/strbuf.h"

#define PATIENCE_MS 20000

struct fixture {
	struct agent *a;
	unsigned command; /* the last that was started */
	pid_t guest;
	int port;
	bool stands_by; /* there is a process for each command before it is asked for */
	bool hold;	/* do not take stdout */
	size_t held;
	struct strbuf out, err; /* what the command wrote */
	bool ready, resumed, attached, started, stdin_closed, over, pong, stopped;
	char fatal[MESSAGE_MAX + 1];
	int status, signal, errnum;
	char killed[PROCESS_NAME_MAX + 1]; /* for lack of memory */
	enum start_failure failure;
	char step[MESSAGE_MAX + 1];
};

static inline void on_ready(const struct agent_boot_times *times, void *data)
{
	((struct fixture *)data)->ready = times->ready == 5;
}

static inline void on_resumed(void *data)
{
	((struct fixture *)data)->resumed = true;
}

static inline void on_attached(void *data)
{
	((struct fixture *)data)->attached = true;
}

static inline void on_fatal(const char *message, void *data)
{
	struct fixture *f = data;

	f->over = true;
	strcpy(f->fatal, message);
}

static inline void on_started(void *data)
{
	((struct fixture *)data)->started = true;
}

static inline void on_start_failed(
	enum start_failure failure, int errnum, const char *step, void *data)
{
	struct fixture *f = data;

	f->failure = failure;

	f->over = true;
	f->errnum = errnum;
	strcpy(f->step, step);
	agent_release(f->a, f->command);
}

static inline void on_output(
	enum stream_id stream, const void *bytes, size_t len, void *data)
{
	struct fixture *f = data;

	strbuf_add(stream == STREAM_STDOUT ? &f->out : &f->err, bytes, len);
	if (f->hold && stream == STREAM_STDOUT)
		f->held += len;
	else
		agent_output_taken(f->a, f->command, stream, len);
}

static inline void on_stdin_closed(void *data)
{
	((struct fixture *)data)->stdin_closed = true;
}

static inline void on_exited(int status, int signal, void *data)
{
	struct fixture *f = data;

	f->over = true;
	f->status = status;
	f->signal = signal;
	agent_release(f->a, f->command);
}

static inline void on_out_of_memory(const char *process, void *data)
{
	strcpy(((struct fixture *)data)->killed, process);
}

static inline void on_pong(void *data)
{
	((struct fixture *)data)->pong = true;
}

static inline void on_stopped(void *data)
{
	((struct fixture *)data)->stopped = true;
}

static inline void ignore_clock(uint64_t realtime_ns)
{
	(void)realtime_ns;
}

static bool a_disk_is_stuck, memory_runs_out, own_tables;

static inline int prepare_unless_stuck(
	unsigned disk_slots, bool in_use, void *data, struct error *err)
{
	(void)in_use;
	(void)data;
	return a_disk_is_stuck && disk_slots == 3 ? error_set(err, 0, "a disk is stuck")
						  : 0;
}

static inline int resume_if_all_is_there(
	const struct resume_request *r, void *data, struct error *err)
{
	(void)data;
	for (int i = 0; i < RESUME_SEED_SIZE; i++)
		if (r->seed[i] != i)
			return error_set(err, 0, "byte %d of the seed is wrong", i);
	if (strcmp(r->timezone, "CET-1") != 0)
		return error_set(err, 0, "the time zone is '%s'", r->timezone);
	if (r->realtime_ns != 1234567890123456789 || r->disks > 200)
		return error_set(err, 0, "there is no room for %u disks", r->disks);
	return 0;
}

static inline int attach_if_it_is_right(const struct attach_request *r, struct error *err)
{
	static const char shares[] = "host\0/\0rw\0/a b\nc";

	if (!r->has_network || strcmp(r->address, "10.0.2.15") != 0 ||
		strcmp(r->netmask, "255.0.0.0") != 0 || *r->gateway || *r->resolver ||
		strcmp(r->hosts, "10.0.0.1 one\n10.0.0.2 two\n") != 0 ||
		r->n_shares != 2 || memcmp(r->shares, shares, sizeof(shares)) != 0)
		return error_set(err, 0, "this is not what was attached");
	return 0;
}

/* One process a command, and no count of it. */
static inline bool out_of_memory_if_wanted(
	char ret_name[static PROCESS_NAME_MAX + 1], void *data)
{
	(void)data;
	strcpy(ret_name, "hog\033[2J");
	return memory_runs_out;
}

static inline void end_nothing(void)
{
}

static inline void write_slowly(void *data)
{
	(void)data;
	usleep(300 * 1000);
}

/* In a chroot it need not be, and then there can be no private mounts. */
static inline bool root_is_mount_point(void)
{
	struct statx root = {0};

	return statx(AT_FDCWD, "/", 0, 0, &root) == 0 &&
		(root.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* Tables of users of our own, in a mount namespace of the guest's. */
static inline void use_tables(void)
{
	static const char passwd[] = "root:x:0:0::/root:/bin/sh\n"
				     "u:x:1000:1001::/no/such/home:/bin/sh\n";
	static const char group[] =
		"root:x:0:\nu:x:1001:\ndisk:x:6:root,u\nvideo:x:44:u\n";
	static const struct {
		const char *path, *text;
	} tables[] = {{"/etc/passwd", passwd}, {"/etc/group", group}};

	if (unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		_exit(2);
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		char path[] = "/tmp/test-guest-table.XXXXXX";
		int fd = mkstemp(path);
		size_t len = strlen(tables[i].text);

		if (write(fd, tables[i].text, len) != (ssize_t)len ||
			fchmod(fd, 0644) < 0 ||
			mount(path, tables[i].path, NULL, MS_BIND, NULL) < 0)
			_exit(2);
		close(fd);
		unlink(path);
	}
}

static inline _Noreturn void be_the_guest(int port)
{
	static const uint64_t times[READY_TIMES] = {1, 2, 3, 4, 5};
	static const struct agent_machine machine = {
		.sys = "/nonexistent",
		.set_clock = ignore_clock,
		.prepare_snapshot = prepare_unless_stuck,
		.resume = resume_if_all_is_there,
		.attach = attach_if_it_is_right,
		.out_of_memory = out_of_memory_if_wanted,
		.end_processes = end_nothing,
		.write_out = write_slowly,
	};
	struct error err = {0};

	/* The first process inherits orphans; so that this one does too. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (own_tables)
		use_tables();
	port_say_hello(port);
	port_say_ready(port, times);
	_exit(agent_serve(port, &machine, &err) < 0 ? 1 : 0);
}

/* Send and receive once, waiting a little if there is nothing. */
static inline void talk_once(struct fixture *f)
{
	static char buffer[128 * 1024];
	size_t len;
	const void *out = agent_output(f->a, &len);
	struct pollfd p = {f->port, POLLIN | (len ? POLLOUT : 0), 0};
	struct error err;
	ssize_t n;

	poll(&p, 1, 20);
	if (p.revents & POLLOUT) {
		n = write(f->port, out, len);
		assert_true(n > 0);
		agent_output_sent(f->a, n);
	}
	if (p.revents & (POLLIN | POLLHUP)) {
		n = read(f->port, buffer, sizeof(buffer));
		assert_true(n > 0);
		if (agent_receive(f->a, buffer, n, &err) < 0)
			fail_msg("%s", err.msg);
	}
}

/* Talk until *until is set, or time is up. */
static inline void talk(struct fixture *f, const bool *until)
{
	int64_t deadline = monotonic_ms() + PATIENCE_MS;

	while (!*until) {
		assert_true(monotonic_ms() < deadline);
		talk_once(f);
	}
}

static inline int setup(void **state)
{
	static const struct agent_handler handler = {
		.ready = on_ready,
		.attached = on_attached,
		.fatal = on_fatal,
		.started = on_started,
		.start_failed = on_start_failed,
		.output = on_output,
		.stdin_closed = on_stdin_closed,
		.out_of_memory = on_out_of_memory,
		.exited = on_exited,
		.pong = on_pong,
		.stopped = on_stopped,
	};
	struct fixture *f = xcalloc(1, sizeof(*f));
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	f->guest = fork();
	if (f->guest == 0) {
		close(pair[0]);
		be_the_guest(pair[1]);
	}
	close(pair[1]);
	f->port = pair[0];
	fcntl(f->port, F_SETFL, O_NONBLOCK);
	f->a = agent_new(&handler, f);
	*state = f;
	return 0;
}

static inline int setup_standing_by(void **state)
{
	setup(state);
	((struct fixture *)*state)->stands_by = true;
	return 0;
}

static inline int setup_with_stuck_disk(void **state)
{
	a_disk_is_stuck = true;
	setup(state);
	a_disk_is_stuck = false;
	return 0;
}

static inline int setup_with_tables(void **state)
{
	own_tables = true;
	setup(state);
	own_tables = false;
	return 0;
}

static inline int setup_out_of_memory(void **state)
{
	memory_runs_out = true;
	setup(state);
	memory_runs_out = false;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->port);
	kill(f->guest, SIGKILL);
	waitpid(f->guest, NULL, 0);
	agent_free(f->a);
	strbuf_done(&f->out);
	strbuf_done(&f->err);
	free(f);
	return 0;
}

static inline void start(struct fixture *f, const struct agent_command *c)
{
	struct error err;

	talk(f, &f->ready);
	strbuf_clear(&f->out);
	strbuf_clear(&f->err);
	f->started = f->stdin_closed = f->over = false;
	f->status = f->signal = f->errnum = -1;
	f->killed[0] = '\0';
	if (f->stands_by)
		agent_prepare_snapshot(f->a, 0);
	f->command = agent_exec(f->a, c, f, &err);
	if (!f->command)
		fail_msg("%s", err.msg);
}

/* A script, started with what else `c` says. */
static inline void start_script(
	struct fixture *f, const char *script, struct agent_command c)
{
	const char *const argv[] = {"sh", "-c", script, NULL};

	c.argv = argv;
	start(f, &c);
}

static inline void run_script(
	struct fixture *f, const char *script, struct agent_command c)
{
	start_script(f, script, c);
	talk(f, &f->over);
}

static inline void run_program(
	struct fixture *f, const char *program, struct agent_command c)
{
	const char *const argv[] = {program, NULL};

	c.argv = argv;
	start(f, &c);
	talk(f, &f->over);
}

static const char *text(const struct strbuf *sb)
{
	return sb->data ? sb->data : "";
}

static const struct agent_command no_input = {.stdin_closed = true};

#define with_fixture(test)                                                      \
	cmocka_unit_test_setup_teardown(test, setup, teardown),                 \
	{                                                                       \
#test " (standing by)", test, setup_standing_by, teardown, NULL \
	}

#define run_agent_tests(tests)                                                        \
	(geteuid() != 0 ? (puts("1..0 # SKIP the guest's agent becomes other users, " \
				"which only root can"),                               \
				  0)                                                  \
			: cmocka_run_group_tests(tests, NULL, NULL))
