/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The poll loop that serves a VM while a call is under way.
 *
 *	guest ──agent_fd──► agent ──handler──► stream_out.pending ──► caller's stdout, stderr
 *	caller's stdin ──► agent (as much as its window takes) ──agent_fd──► guest
 *	console_fd, messages_fd ──► rings          qemu's end ──► failure
 *	control pipe ──► a signal for the command, or the end
 *
 * Nothing waits for anything else: a stream that does not move holds back only its own
 * window.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "vm/snapshot.h"
#include "vm/state.h"

#define PING_AFTER(vm)	 ((vm)->silence_ms / 6)
#define READ_SIZE	 (64 * 1024)
#define AFTER_SIGTERM_MS 2000
#define STATS_MAX	 (1024 * 1024)

enum slot {
	SLOT_AGENT,
	SLOT_QMP,
	SLOT_CONSOLE,
	SLOT_MESSAGES,
	SLOT_END,
	SLOT_CONTROL,
	SLOT_STDIN,
	SLOT_STDOUT,
	SLOT_STDERR,
	SLOT_COUNT
};

/* ---- One descriptor each ---- */

static int serve_agent_input(struct vm *vm, struct error *err)
{
	static __thread char buf[READ_SIZE];
	struct error cause;

	/* As much as is there: under load a round of poll() for each piece costs more. */
	for (int i = 0; i < 8; i++) {
		ssize_t n = recv(vm->agent_fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0) {
			/* qemu is ending: its end is reported by the supervisor. */
			close(vm->agent_fd);
			vm->agent_fd = -1;
			return 0;
		}
		vm->heard_ms = io_now_ms();
		vm->ping_ms = 0;
		if (agent_receive(vm->agent, buf, n, &cause) < 0)
			return failure_set(vm, err, 0,
				"the guest does not speak as agreed: %s", cause.msg);
		if (*vm->fatal) {
			return failure_set(
				vm, err, 0, "the guest could not go on: %s", vm->fatal);
		}
	}
	return 0;
}

static void serve_agent_output(struct vm *vm)
{
	size_t len;
	const void *bytes;

	while ((bytes = agent_output(vm->agent, &len)) && len) {
		ssize_t n = send(vm->agent_fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n <= 0)
			return;
		agent_output_sent(vm->agent, n);
	}
}

/* Text that others write, into its ring. */
static void serve_text(int *fd, struct console *c)
{
	char buf[4096];

	ssize_t n = read(*fd, buf, sizeof(buf));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close(*fd);
		*fd = -1;
		return;
	}
	console_add(c, buf, n);
}

static int serve_messages(struct vm *vm, struct error *err)
{
	serve_text(&vm->messages_fd, &vm->messages);
	return vm->loading ? failure_if_waiting(vm, err) : 0;
}

/* But for a VM that resumes and for measurements QMP's events are not needed; they are
 * read so that qemu never waits for us. */
static void serve_qmp(struct vm *vm)
{
	char buf[4096];

	ssize_t n = read(vm->qmp_fd, buf, sizeof(buf));
	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
		close(vm->qmp_fd);
		vm->qmp_fd = -1;
	}
	if (n > 0 && vm->stats_wanted && vm->stats.len < STATS_MAX) {
		strbuf_add(&vm->stats, buf, n);
		vm->stats_came = memmem(vm->stats.data, vm->stats.len, "rd_bytes", 8) &&
			vm->stats.data[vm->stats.len - 1] == '\n';
	}
	if (n > 0 && vm->loading)
		snapshot_take_qmp(vm, buf, n);
}

static int serve_interrupt(struct vm *vm, int signal, struct error *err)
{
	struct vm_exec *exec = vm->exec;

	if (exec && exec->running && !exec->done && !exec->interrupted) {
		exec->interrupted = true;
		agent_send_signal(vm->agent, signal);
		log_info("passing signal %d to the command; a second one ends the VM",
			signal);
		return 0;
	}
	vm->dead = true;
	supervise_kill(&vm->qemu);
	return control_error(signal, err);
}

static int serve_control(struct vm *vm, struct error *err)
{
	struct control_message message;
	struct winsize size;

	if (!control_read(vm->control_fd, &message))
		return 0;
	if (message.what == CONTROL_INTERRUPT)
		return serve_interrupt(vm, message.signal, err);
	if (!vm->exec || !vm->exec->command->agent.terminal)
		return 0;
	streams_renew_raw(&vm->exec->streams);
	if (ioctl(vm->exec->command->stdout_fd, TIOCGWINSZ, &size) == 0)
		agent_send_window_size(vm->agent, size.ws_row, size.ws_col);
	return 0;
}

static int serve_stdin(struct vm *vm, struct error *err)
{
	char buf[READ_SIZE];
	struct streams *streams = &vm->exec->streams;
	size_t room = MIN(agent_stdin_room(vm->agent), sizeof(buf));

	ssize_t n = read(streams->stdin_fd, buf, room);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	/* EIO: the terminal is gone. That is an end, as others treat it. */
	if (n < 0 && errno != EIO)
		return failure_set(
			vm, err, errno, "read standard input: %s", strerror(errno));
	if (n > 0) {
		agent_send_stdin(vm->agent, buf, n);
		return 0;
	}
	streams->stdin_fd = -1;
	agent_send_stdin_eof(vm->agent);
	return 0;
}

static int serve_output(struct vm *vm, enum stream_id stream, struct error *err)
{
	struct stream_out *out = &vm->exec->streams.out[stream];
	bool was_broken = out->broken;

	if (!out->pending.len)
		return 0;
	ssize_t done = stream_flush(out);
	if (done < 0)
		return failure_set(vm, err, errno, "write the command's %s: %s",
			stream == STREAM_STDOUT ? "standard output" : "standard error",
			strerror(errno));
	if (out->broken && !was_broken)
		agent_close_output(vm->agent, stream);
	if (done)
		agent_output_taken(vm->agent, stream, done);
	return 0;
}

/* ---- The loop ---- */

static void set(struct pollfd *pfd, int fd, short events)
{
	*pfd = (struct pollfd){fd, events, 0};
}

static void fill(struct vm *vm, struct pollfd fds[SLOT_COUNT])
{
	struct vm_exec *exec = vm->exec;
	size_t unsent = 0;

	if (vm->agent_fd >= 0)
		agent_output(vm->agent, &unsent);
	set(&fds[SLOT_AGENT], vm->agent_fd, POLLIN | (unsent ? POLLOUT : 0));
	set(&fds[SLOT_QMP], vm->qmp_fd, POLLIN);
	set(&fds[SLOT_CONSOLE], vm->console_fd, POLLIN);
	set(&fds[SLOT_MESSAGES], vm->messages_fd, POLLIN);
	set(&fds[SLOT_END], vm->qemu.status_fd, POLLIN);
	set(&fds[SLOT_CONTROL], vm->control_fd, POLLIN);
	set(&fds[SLOT_STDIN], -1, POLLIN);
	set(&fds[SLOT_STDOUT], -1, POLLOUT);
	set(&fds[SLOT_STDERR], -1, POLLOUT);
	if (!exec)
		return;
	/* What was typed before the end of input is still to be sent; then the window
	 * rests. */
	if (agent_stdin_room(vm->agent) && exec->running)
		fds[SLOT_STDIN].fd = exec->streams.stdin_fd;
	for (int i = STREAM_STDOUT; i <= STREAM_STDERR; i++)
		if (exec->streams.out[i].pending.len)
			fds[SLOT_STDIN + i].fd = exec->streams.out[i].fd;
}

/* What qemu and the guest said last is still in the sockets when qemu's end is seen. */
static int drain(struct vm *vm, struct error *err)
{
	while (vm->console_fd >= 0) {
		struct pollfd pfd = {vm->console_fd, POLLIN, 0};
		if (poll(&pfd, 1, 0) <= 0)
			break;
		serve_text(&vm->console_fd, &vm->console);
	}
	while (vm->messages_fd >= 0) {
		struct pollfd pfd = {vm->messages_fd, POLLIN, 0};
		if (poll(&pfd, 1, 0) <= 0)
			break;
		serve_text(&vm->messages_fd, &vm->messages);
	}
	return vm->agent_fd >= 0 ? serve_agent_input(vm, err) : 0;
}

static int serve_streams(
	struct vm *vm, const struct pollfd fds[SLOT_COUNT], struct error *err)
{
	if (!vm->exec)
		return 0;
	if (fds[SLOT_STDIN].revents && vm->exec->streams.stdin_fd >= 0 &&
		serve_stdin(vm, err) < 0)
		return -1;
	if (serve_output(vm, STREAM_STDOUT, err) < 0)
		return -1;
	return serve_output(vm, STREAM_STDERR, err);
}

static int serve(struct vm *vm, const struct pollfd fds[SLOT_COUNT], struct error *err)
{
	if (fds[SLOT_CONTROL].revents && serve_control(vm, err) < 0)
		return -1;
	if (fds[SLOT_CONSOLE].revents) {
		serve_text(&vm->console_fd, &vm->console);
		halt_notice(vm);
	}
	if (fds[SLOT_MESSAGES].revents && serve_messages(vm, err) < 0)
		return -1;
	if (fds[SLOT_QMP].revents)
		serve_qmp(vm);
	if (fds[SLOT_AGENT].revents && serve_agent_input(vm, err) < 0)
		return -1;
	if (serve_streams(vm, fds, err) < 0)
		return -1;
	if (vm->agent_fd >= 0)
		serve_agent_output(vm);
	return fds[SLOT_END].revents ? drain(vm, err) : 0;
}

/* When a guest that does not answer is lost. It has its time from the question on: its
 * silence may be ours, who did not listen between two calls, or were stopped. */
static int64_t answer_deadline(const struct vm *vm)
{
	return vm->ping_ms + vm->silence_ms - PING_AFTER(vm);
}

/* A guest that has said nothing for a while is asked. */
static int check_life(struct vm *vm, int64_t now, struct error *err)
{
	halt_check(vm, now);
	if (!vm->ready)
		return 0;
	if (vm->ping_ms && now >= answer_deadline(vm))
		return failure_set(vm, err, ETIMEDOUT,
			"the guest has been silent for %d seconds: its kernel hangs, or the host is "
			"far too busy",
			(int)((now - vm->heard_ms) / 1000));
	if (!vm->ping_ms && now - vm->heard_ms >= PING_AFTER(vm)) {
		agent_ping(vm->agent);
		serve_agent_output(vm);
		vm->ping_ms = now;
	}
	return 0;
}

/* The command's own time is over: ask it to end, and then end the VM. */
static void check_timeout(struct vm *vm, int64_t now)
{
	struct vm_exec *exec = vm->exec;

	if (!exec || exec->done || !exec->deadline_ms || now < exec->deadline_ms)
		return;
	if (!exec->timed_out) {
		exec->timed_out = true;
		exec->deadline_ms = now + AFTER_SIGTERM_MS;
		agent_send_signal(vm->agent, SIGTERM);
		serve_agent_output(vm);
		return;
	}
	events_end_command(exec, HYPERMIN_KILLED, HYPERMIN_STATUS_KILLED + SIGKILL);
	vm->dead = true;
	supervise_kill(&vm->qemu);
}

static int wait_time(const struct vm *vm, int64_t now, int64_t deadline_ms)
{
	int64_t until = vm->ping_ms ? answer_deadline(vm) : vm->heard_ms + PING_AFTER(vm);

	if (!vm->ready)
		until = INT64_MAX;
	until = MIN(until, halt_deadline(vm));
	if (deadline_ms)
		until = MIN(until, deadline_ms);
	if (vm->exec && vm->exec->deadline_ms)
		until = MIN(until, vm->exec->deadline_ms);
	if (until == INT64_MAX)
		return -1;
	return MAX(0, MIN(until - now, 60000)) + 1;
}

int loop_until(struct vm *vm, const bool *done, int64_t deadline_ms, struct error *err)
{
	struct pollfd fds[SLOT_COUNT];

	if (vm->dead)
		return error_set(err, ESRCH, "the VM has ended");
	/* What was asked for just now goes out before the first wait. */
	serve_agent_output(vm);
	while (!*done) {
		int64_t now = io_now_ms();
		fill(vm, fds);
		if (poll(fds, SLOT_COUNT, wait_time(vm, now, deadline_ms)) < 0) {
			if (errno != EINTR)
				return failure_set(
					vm, err, errno, "poll: %s", strerror(errno));
			continue;
		}
		if (serve(vm, fds, err) < 0)
			return -1;
		/* If what was waited for has come as well, qemu's end is the next call's
		 * to tell. */
		if (fds[SLOT_END].revents && !*done)
			return failure_explain_end(vm, err);
		now = io_now_ms();
		if (check_life(vm, now, err) < 0)
			return -1;
		check_timeout(vm, now);
		if (deadline_ms && now >= deadline_ms && !*done)
			return 1;
	}
	return 0;
}

int loop_flush_output(struct vm *vm, struct error *err)
{
	const struct stream_out *out = vm->exec->streams.out;

	for (;;) {
		struct pollfd fds[] = {{vm->control_fd, POLLIN, 0},
			{out[STREAM_STDOUT].pending.len ? out[STREAM_STDOUT].fd : -1,
				POLLOUT, 0},
			{out[STREAM_STDERR].pending.len ? out[STREAM_STDERR].fd : -1,
				POLLOUT, 0}};

		if (serve_output(vm, STREAM_STDOUT, err) < 0 ||
			serve_output(vm, STREAM_STDERR, err) < 0)
			return -1;
		if (!out[STREAM_STDOUT].pending.len && !out[STREAM_STDERR].pending.len)
			return 0;
		if (poll(fds, ARRAY_SIZE(fds), -1) > 0 && fds[0].revents &&
			serve_control(vm, err) < 0)
			return -1;
	}
}
