/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The poll loop that serves a VM while a call is under way.
 *
 *	guest ──► agent ──events.c──► stream_out.pending ──► caller's stdout, stderr
 *	caller's stdin ──► agent (as much as its window takes) ──► guest
 *	console, qemu's messages ──► rings         qemu's end ──► failure
 *	QMP ──events.c──► struct vm                control pipe ──► a signal, or the end
 *
 * No stream waits for another: one that does not move holds back only its own window.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/monotonic.h"
#include "vm/state.h"

#define PING_AFTER(vm)	 ((vm)->guest.silence_ms / 6)
#define READ_SIZE	 (64 * 1024)
#define AFTER_SIGTERM_MS 2000

/* What is polled of the VM; behind it come what is polled of each command, and the
 * caller's own descriptors. */
enum polled {
	POLLED_AGENT,
	POLLED_QMP,
	POLLED_CONSOLE,
	POLLED_MESSAGES,
	POLLED_END,
	POLLED_CONTROL,
	POLLED_OWNER,
	POLLED_OF_VM,
};

enum polled_of_exec {
	POLLED_STDIN = STREAM_STDIN,
	POLLED_STDOUT = STREAM_STDOUT,
	POLLED_STDERR = STREAM_STDERR,
	POLLED_OF_EXEC,
};

/* ---- One descriptor each ---- */

static int serve_agent_input(struct vm *vm, struct error *err)
{
	static __thread char buf[READ_SIZE];
	struct error cause;

	/* As much as there is: under load a round of poll() for each piece costs more. */
	for (int i = 0; i < 8; i++) {
		ssize_t n = recv(vm->guest.fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0) {
			/* qemu is ending, which the supervisor will tell. */
			close(vm->guest.fd);
			vm->guest.fd = -1;
			return 0;
		}
		int frames = agent_receive(vm->guest.agent, buf, n, &cause);
		if (frames < 0)
			return failure_set(vm, LOSS_GUEST, err, 0, "%-s", cause.msg);
		/* The bytes of a frame that never ends are no sign of life. */
		if (frames > 0) {
			vm->guest.heard_ms = monotonic_ms();
			vm->guest.ping_ms = 0;
		}
		if (*vm->guest.gave_up)
			/* Once it is up, another way to start it does no better. */
			return failure_set(vm,
				vm->phase == PHASE_UP ? LOSS_FINAL : LOSS_GAVE_UP, err, 0,
				"the guest could not go on: %s", vm->guest.gave_up);
	}
	return 0;
}

static void serve_agent_output(struct vm *vm)
{
	size_t len;
	const void *bytes;

	while ((bytes = agent_output(vm->guest.agent, &len)) && len) {
		ssize_t n = send(vm->guest.fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n <= 0)
			return;
		agent_output_sent(vm->guest.agent, n);
	}
}

static void serve_text(struct text_channel *channel)
{
	char buf[4096];

	ssize_t n = read(channel->fd, buf, sizeof(buf));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close(channel->fd);
		channel->fd = -1;
		return;
	}
	console_add(&channel->text, buf, n);
}

/* Events are read even when nobody waits for them: else qemu would wait for us. */
static int serve_qmp(struct vm *vm, struct error *err)
{
	struct error broken;

	if (qmp_receive(&vm->qmp, &broken) < 0) {
		log_debug("QMP: %-s", broken.msg);
		if (vm->phase == PHASE_LOADING || vm->phase == PHASE_SAVING ||
			vm->qmp_wait.id)
			return failure_set(
				vm, LOSS_GUEST, err, 0, "talk to qemu: %-s", broken.msg);
	}
	if (vm->qmp_wait.refusal)
		return failure_set(vm, LOSS_GUEST, err, 0, "qemu could not %s",
			vm->qmp_wait.refusal);
	return 0;
}

static int serve_control(struct vm *vm, struct error *err)
{
	struct control_message message;

	if (!control_read(vm->control_fd, &message) || message.what != CONTROL_INTERRUPT)
		return 0;
	failure_end(vm, LOSS_FINAL);
	return control_error(message.signal, err);
}

static void fail_exec(struct vm_exec *exec, const char *what)
{
	exec->phase = EXEC_FAILED;
	error_set(&exec->error, errno, "%s", what);
}

static void serve_stdin(struct vm_exec *exec)
{
	char buf[READ_SIZE];
	struct agent *agent = exec->vm->guest.agent;
	size_t room = MIN(agent_stdin_room(agent, exec->number), sizeof(buf));

	if (!room)
		return;
	ssize_t n = streams_read(&exec->streams, buf, room);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	/* EIO: the terminal is gone, which is an end of input. */
	if (n < 0 && errno != EIO) {
		fail_exec(exec, "read standard input");
	} else if (n > 0 && exec->terminal &&
		terminal_has_ended(exec->terminal, buf, n, &exec->error)) {
		exec->phase = EXEC_FAILED;
	} else if (n > 0) {
		agent_send_stdin(agent, exec->number, buf, n);
	} else {
		streams_close_input(&exec->streams);
		agent_send_stdin_eof(agent, exec->number);
	}
}

static void serve_output(struct vm_exec *exec, enum stream_id stream)
{
	struct stream_out *out = &exec->streams.out[stream];
	struct agent *agent = exec->vm->guest.agent;
	bool was_broken = out->broken;

	if (!out->pending.len || exec->phase == EXEC_FAILED)
		return;
	ssize_t done = stream_flush(out);
	if (done < 0) {
		fail_exec(exec,
			stream == STREAM_STDOUT ? "write the command's standard output"
						: "write the command's standard error");
		return;
	}
	if (out->broken && !was_broken)
		agent_close_output(agent, exec->number, stream);
	if (done)
		agent_output_taken(agent, exec->number, stream, done);
}

/* ---- The loop ---- */

static void add(struct vm *vm, int fd, short events)
{
	struct pollfd pfd = {fd, events, 0};

	vector_push(&vm->polled, pfd);
}

static void add_exec(struct vm *vm, const struct vm_exec *exec)
{
	bool wants_input = exec->phase == EXEC_RUNNING &&
		agent_stdin_room(vm->guest.agent, exec->number);
	bool wants_output = exec->phase != EXEC_FAILED;

	add(vm, wants_input ? exec->streams.in.fd : -1, POLLIN);
	for (int i = STREAM_STDOUT; i <= STREAM_STDERR; i++) {
		const struct stream_out *out = &exec->streams.out[i];

		add(vm, wants_output && out->pending.len ? out->end.fd : -1, POLLOUT);
	}
}

static void fill(struct vm *vm, const struct pollfd *own, size_t n_own)
{
	size_t unsent = 0;

	if (vm->guest.fd >= 0)
		agent_output(vm->guest.agent, &unsent);
	vm->polled.len = 0;
	add(vm, vm->guest.fd, POLLIN | (unsent ? POLLOUT : 0));
	add(vm, vm->qmp.fd, POLLIN);
	add(vm, vm->console.fd, POLLIN);
	add(vm, vm->messages.fd, POLLIN);
	add(vm, vm->qemu.status_fd, POLLIN);
	add(vm, vm->control_fd, POLLIN);
	add(vm, vm->owner_fd, POLLRDHUP);
	vector_foreach (exec, &vm->execs)
		add_exec(vm, *exec);
	for (size_t i = 0; i < n_own; i++)
		vector_push(&vm->polled, own[i]);
}

static void drain_text(struct text_channel *channel)
{
	struct pollfd pfd = {channel->fd, POLLIN, 0};

	while (channel->fd >= 0 && poll(&pfd, 1, 0) > 0)
		serve_text(channel);
}

/* When qemu's end is seen, the last words of qemu and the guest are still in the
 * sockets. */
static int drain(struct vm *vm, struct error *err)
{
	drain_text(&vm->console);
	drain_text(&vm->messages);
	return vm->guest.fd >= 0 ? serve_agent_input(vm, err) : 0;
}

static void serve_streams(struct vm_exec *exec, const struct pollfd *fds)
{
	if (fds[POLLED_STDIN].revents && exec->streams.in.fd >= 0)
		serve_stdin(exec);
	serve_output(exec, STREAM_STDOUT);
	serve_output(exec, STREAM_STDERR);
}

static int serve(struct vm *vm, const struct pollfd *fds, struct error *err)
{
	if (fds[POLLED_CONTROL].revents && serve_control(vm, err) < 0)
		return -1;
	if (fds[POLLED_OWNER].revents) {
		failure_end(vm, LOSS_FINAL);
		return error_set(err, ECONNRESET, "nobody wants the VM any more");
	}
	if (fds[POLLED_CONSOLE].revents) {
		serve_text(&vm->console);
		halt_notice(vm);
	}
	if (fds[POLLED_MESSAGES].revents) {
		serve_text(&vm->messages);
		if (vm->phase == PHASE_LOADING && failure_if_waiting(vm, err) < 0)
			return -1;
	}
	if (fds[POLLED_QMP].revents && serve_qmp(vm, err) < 0)
		return -1;
	if (fds[POLLED_AGENT].revents && serve_agent_input(vm, err) < 0)
		return -1;
	for (size_t i = 0; i < vm->execs.len; i++)
		serve_streams(
			vm->execs.items[i], fds + POLLED_OF_VM + i * POLLED_OF_EXEC);
	if (vm->guest.fd >= 0)
		serve_agent_output(vm);
	return fds[POLLED_END].revents ? drain(vm, err) : 0;
}

/* When a guest that does not answer is lost. Its time begins with the question: before,
 * it may be us who did not listen, between two calls or while we were stopped. */
static int64_t answer_deadline(const struct vm *vm)
{
	return vm->guest.ping_ms + vm->guest.silence_ms - PING_AFTER(vm);
}

/* A guest that has said nothing for a while is asked. */
static int check_life(struct vm *vm, int64_t now, struct error *err)
{
	struct guest *guest = &vm->guest;

	halt_check(vm, now);
	if (vm->phase != PHASE_UP)
		return 0;
	if (guest->ping_ms && now >= answer_deadline(vm))
		return failure_set(vm, LOSS_GUEST, err, ETIMEDOUT,
			"the guest has been silent for %d seconds: its kernel hangs, or the host is "
			"far too busy",
			(int)((now - guest->heard_ms) / 1000));
	if (!guest->ping_ms && now - guest->heard_ms >= PING_AFTER(vm)) {
		agent_ping(guest->agent);
		serve_agent_output(vm);
		guest->ping_ms = now;
	}
	return 0;
}

/* A command's own time is over: ask it to end, and then end it. Whether the guest does that
 * or not, nobody waits for it any longer, nor it for a reader. */
static void check_timeout(struct vm_exec *exec, int64_t now)
{
	struct vm *vm = exec->vm;

	if (exec->phase >= EXEC_DONE || !exec->deadline_ms || now < exec->deadline_ms)
		return;
	if (!exec->timed_out) {
		exec->timed_out = true;
		exec->deadline_ms = now + AFTER_SIGTERM_MS;
		agent_send_signal(vm->guest.agent, exec->number, SIGTERM);
		serve_agent_output(vm);
		return;
	}
	agent_send_signal(vm->guest.agent, exec->number, SIGKILL);
	serve_agent_output(vm);
	events_end_command(exec, HYPERMIN_KILLED, HYPERMIN_STATUS_KILLED + SIGKILL);
	strbuf_clear(&exec->streams.out[STREAM_STDOUT].pending);
	strbuf_clear(&exec->streams.out[STREAM_STDERR].pending);
}

static int wait_time(const struct vm *vm, int64_t now, int64_t deadline_ms)
{
	int64_t until = halt_deadline(vm);

	if (vm->phase == PHASE_UP) {
		int64_t life = vm->guest.ping_ms ? answer_deadline(vm)
						 : vm->guest.heard_ms + PING_AFTER(vm);
		until = MIN(until, life);
	}
	if (deadline_ms)
		until = MIN(until, deadline_ms);
	vector_foreach (exec, &vm->execs)
		if ((*exec)->phase < EXEC_DONE && (*exec)->deadline_ms)
			until = MIN(until, (*exec)->deadline_ms);
	if (until == INT64_MAX)
		return -1;
	return MAX(0, MIN(until - now, 60000)) + 1;
}

/* What was polled is ready, or the time has come. */
static int serve_polled(struct vm *vm, const struct pollfd *fds,
	bool (*done)(const struct vm *vm), struct error *err)
{
	if (serve(vm, fds, err) < 0)
		return -1;
	/* If what the caller waits for came together with qemu's end, this call
	 * succeeds, and the next one reports the end. */
	if (fds[POLLED_END].revents && !(done && done(vm)))
		return failure_explain_end(vm, err);
	int64_t now = monotonic_ms();
	if (check_life(vm, now, err) < 0)
		return -1;
	vector_foreach (exec, &vm->execs)
		check_timeout(*exec, now);
	return 0;
}

int loop_turn(struct vm *vm, struct pollfd *own, size_t n_own,
	bool (*done)(const struct vm *vm), int64_t deadline_ms, struct error *err)
{
	fill(vm, own, n_own);
	struct pollfd *fds = vm->polled.items;
	size_t n = vm->polled.len;
	if (poll(fds, n, wait_time(vm, monotonic_ms(), deadline_ms)) < 0) {
		if (errno != EINTR)
			return failure_set(
				vm, LOSS_FINAL, err, errno, "poll: %s", strerror(errno));
		for (size_t i = 0; i < n; i++)
			fds[i].revents = 0;
	}
	for (size_t i = 0; i < n_own; i++)
		own[i].revents = fds[n - n_own + i].revents;
	return serve_polled(vm, fds, done, err);
}

const struct pollfd *vm_list_polled(struct vm *vm, size_t *ret_n, int *ret_timeout_ms)
{
	if (vm->phase == PHASE_OVER) {
		*ret_n = 0;
		*ret_timeout_ms = 0;
		return NULL;
	}
	/* What was asked for just now goes out before a wait. */
	serve_agent_output(vm);
	fill(vm, NULL, 0);
	*ret_n = vm->polled.len;
	*ret_timeout_ms = wait_time(vm, monotonic_ms(), 0);
	return vm->polled.items;
}

int vm_serve_polled(struct vm *vm, const struct pollfd *fds, struct error *err)
{
	if (vm->phase == PHASE_OVER)
		return error_set(err, ESRCH, "the VM has ended");
	return serve_polled(vm, fds, NULL, err);
}

enum loop_end loop_until(struct vm *vm, bool (*done)(const struct vm *vm),
	int64_t deadline_ms, struct error *err)
{
	if (vm->phase == PHASE_OVER)
		return error_set(err, ESRCH, "the VM has ended");
	/* What was asked for just now goes out before the first wait. */
	serve_agent_output(vm);
	while (!done(vm)) {
		if (loop_turn(vm, NULL, 0, done, deadline_ms, err) < 0)
			return LOOP_LOST;
		if (deadline_ms && monotonic_ms() >= deadline_ms && !done(vm))
			return LOOP_TIME_OVER;
	}
	return LOOP_DONE;
}

static bool has_answered(const struct vm *vm)
{
	return vm->qmp_wait.id == 0;
}

int loop_execute(struct vm *vm, const char *command, json_t *arguments, int pass_fd,
	int64_t deadline_ms, json_t **ret, struct error *err)
{
	struct qmp_wait *wait = &vm->qmp_wait;

	int id = qmp_execute(&vm->qmp, command, arguments, pass_fd, err);
	if (id < 0)
		return -1;
	wait->id = id;
	enum loop_end end = loop_until(vm, has_answered, deadline_ms, err);
	/* If the answer comes after this, vm_on_qmp() does not store it. */
	wait->id = 0;
	CLEANUP_FREE char *why = TAKE_PTR(wait->error);
	json_t *result = TAKE_PTR(wait->result);
	if (end == LOOP_LOST)
		return -1;
	if (end == LOOP_TIME_OVER)
		return error_set(err, ETIMEDOUT, "have qemu %s", command);
	if (why)
		return error_set(err, 0, "have qemu %s: %s", command, why);
	*ret = result;
	return 0;
}

int loop_order(struct vm *vm, const char *command, json_t *arguments, int pass_fd,
	struct error *err)
{
	json_t *ignored = NULL;

	int result = loop_execute(vm, command, arguments, pass_fd, 0, &ignored, err);
	json_decref(ignored);
	return result;
}

size_t vm_exec_flush(struct vm_exec *exec, struct pollfd ret[static 2])
{
	size_t n = 0;

	for (int i = STREAM_STDOUT; i <= STREAM_STDERR; i++) {
		const struct stream_out *out = &exec->streams.out[i];

		serve_output(exec, i);
		if (exec->phase != EXEC_FAILED && out->pending.len)
			ret[n++] = (struct pollfd){out->end.fd, POLLOUT, 0};
	}
	return n;
}
