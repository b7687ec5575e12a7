/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of a VM whose appliance has an /init of its own. If it was held at a port, it goes
 * on when somebody is at the other end of that:
 *
 *	companion ends ──► QMP: the port leads to a socket of ours ──► /init goes on
 *
 *	input ──► pending ──► port, or the console of one that was not held ──► output
 *
 * The end of the input can't be said: qemu would take it for the end of both directions.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/control.h"
#include "base/monotonic.h"
#include "vm/machine.h"
#include "vm/state.h"

#define PIECE (16 * 1024)

/* Between the caller's streams and the guest. */
struct relay {
	struct vm *vm;
	int fd; /* the guest's; -1: closed */
	bool is_console;
	struct streams streams;
	struct strbuf to_guest;
};

static bool is_let_go(const struct vm *vm)
{
	return vm->phase == PHASE_LET_GO;
}

static bool is_stopped(const struct vm *vm)
{
	return vm->phase == PHASE_STOPPED;
}

static bool is_late(int64_t deadline_ms)
{
	return deadline_ms && monotonic_ms() >= deadline_ms;
}

static int error_late(struct vm *vm, struct error *err)
{
	return failure_set(
		vm, LOSS_FINAL, err, ETIMEDOUT, "the appliance has not ended in time");
}

/* Our end of the port, with the appliance going on. */
static int connect_port(struct vm *vm, int64_t deadline_ms, struct error *err)
{
	int fds[2];

	/* What runs in the appliance may have stopped the companion. */
	agent_stop(vm->guest.agent);
	enum loop_end end = loop_until(vm, is_stopped, deadline_ms, err);
	if (end == LOOP_TIME_OVER)
		return error_late(vm, err);
	if (end != LOOP_DONE)
		return -1;
	vm->phase = PHASE_LET_GO;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return error_set(err, errno, "create a channel to the appliance");
	CLEANUP_CLOSE int near = fds[0], far = fds[1];
	return plug_port(vm, MACHINE_HOLD, far, err) < 0 ? -1 : TAKE_FD(near);
}

/* ---- One direction each ---- */

static void read_input(struct relay *r)
{
	char buf[PIECE];

	ssize_t n = streams_read(&r->streams, buf, sizeof(buf));
	if (n > 0)
		strbuf_add(&r->to_guest, buf, n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		streams_close_input(&r->streams);
}

static void write_to_guest(struct relay *r)
{
	ssize_t n = send(
		r->fd, r->to_guest.data, r->to_guest.len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0)
		strbuf_consume(&r->to_guest, n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		strbuf_clear(&r->to_guest);
}

static void read_from_guest(struct relay *r)
{
	char buf[PIECE];

	ssize_t n = recv(r->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close(r->fd);
		r->fd = -1;
		return;
	}
	strbuf_add(&r->streams.out[STREAM_STDOUT].pending, buf, n);
	if (!r->is_console)
		return;
	console_add(&r->vm->console.text, buf, n);
	halt_notice(r->vm);
}

static int write_output(struct relay *r, struct error *err)
{
	struct stream_out *out = &r->streams.out[STREAM_STDOUT];

	if (out->pending.len && stream_flush(out) < 0)
		return error_set(err, errno, "write what the appliance says");
	/* Nobody else would end an appliance whose reader has gone: `| head`, say. */
	return out->broken ? error_set(err, EPIPE, "write what the appliance says") : 0;
}

/* ---- To the end ---- */

enum { GUEST, INPUT, OUTPUT, ALL };

static int turn(struct relay *r, int64_t deadline_ms, struct error *err)
{
	struct stream_out *out = &r->streams.out[STREAM_STDOUT];
	bool has_room = out->pending.len < PIECE;
	struct pollfd fds[ALL] = {
		[GUEST] = {has_room || r->to_guest.len ? r->fd : -1,
			(has_room ? POLLIN : 0) | (r->to_guest.len ? POLLOUT : 0), 0},
		[INPUT] = {r->to_guest.len ? -1 : r->streams.in.fd, POLLIN, 0},
		[OUTPUT] = {out->pending.len ? out->end.fd : -1, POLLOUT, 0},
	};

	if (loop_turn(r->vm, fds, ALL, is_let_go, deadline_ms, err) < 0)
		return -1;
	if (fds[INPUT].revents)
		read_input(r);
	if (r->fd >= 0 && r->to_guest.len)
		write_to_guest(r);
	if (r->fd >= 0 && fds[GUEST].revents && has_room)
		read_from_guest(r);
	return write_output(r, err);
}

static bool has_ended(const struct vm *vm)
{
	struct pollfd pfd = {vm->qemu.status_fd, POLLIN, 0};

	return poll(&pfd, 1, 0) > 0;
}

/* Its last words are still in the socket. Whoever reads them may take their time. */
static int drain(struct relay *r, int64_t deadline_ms, struct error *err)
{
	struct stream_out *out = &r->streams.out[STREAM_STDOUT];
	struct control_message message;

	for (;;) {
		if (r->fd >= 0)
			read_from_guest(r);
		if (write_output(r, err) < 0)
			return -1;
		if (r->fd < 0 && !out->pending.len)
			return 0;
		if (is_late(deadline_ms))
			return error_late(r->vm, err);
		struct pollfd fds[] = {
			{out->pending.len ? out->end.fd : -1, POLLOUT, 0},
			{r->vm->control_fd, POLLIN, 0},
		};
		poll(fds, ARRAY_SIZE(fds), 1000);
		if (fds[1].revents && control_read(r->vm->control_fd, &message) &&
			message.what == CONTROL_INTERRUPT)
			return control_error(message.signal, err);
	}
}

static int judge(struct vm *vm, struct error *err)
{
	CLEANUP_FREE char *panic = console_find(&vm->console.text, "Kernel panic");

	if (panic)
		return failure_explain_end(vm, err);
	struct ended ended = child_wait(&vm->qemu);
	CLEANUP_FREE char *failed = child_describe(ended);
	if (failed)
		return failure_set(vm, LOSS_FINAL, err,
			ended.how == ENDED_NO_EXEC ? ended.value : 0, "qemu %s", failed);
	failure_end(vm, LOSS_FINAL);
	return 0;
}

static int relay_to_end(struct relay *r, int64_t deadline_ms, struct error *err)
{
	while (!has_ended(r->vm)) {
		if (turn(r, deadline_ms, err) < 0)
			return -1;
		if (is_late(deadline_ms) && !has_ended(r->vm))
			return error_late(r->vm, err);
	}
	return drain(r, deadline_ms, err) < 0 ? -1 : judge(r->vm, err);
}

int vm_let_go(struct vm *vm, int input_fd, int output_fd, int64_t deadline_ms,
	struct error *err)
{
	struct relay r = {.vm = vm, .is_console = is_let_go(vm)};

	if (vm->phase != PHASE_UP && !r.is_console)
		return error_set(err, ESRCH, "let the appliance go on: the VM has ended");
	if (r.is_console)
		r.fd = TAKE_FD(vm->console.fd);
	else
		r.fd = connect_port(vm, deadline_ms, err);
	if (r.fd < 0)
		return error_prefix(err, "let the appliance go on");
	streams_init(&r.streams, input_fd, output_fd, -1);
	int result = relay_to_end(&r, deadline_ms, err);
	streams_done(&r.streams);
	strbuf_done(&r.to_guest);
	cleanup_close(&r.fd);
	return result;
}
