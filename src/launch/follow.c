/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Step by step, each waiting for its answer. Only the last message of the daemon ends a
 * launch for the launcher, so whatever fails here ends qemu, and the launcher sees a qemu
 * that failed. If the appliance had not come as far as its disks, the snapshot is removed
 * too, so that the next launch boots. It is kept if qemu has loaded it, and then did not get a
 * disk that another qemu writes to. And if qemu was killed, which looks no different from here
 * than a snapshot that it can't load, the snapshot is tried first.
 */
#include "launch/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/fork.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "cache/snapshots.h"
#include "vm/qmp.h"

/* Disks far away answer late, and hosts are busy. The launcher has its own patience. */
#define STEP_MS (300 * 1000)
/* What qemu has for its end. */
#define END_MS (10 * 1000)

struct conversation {
	struct qmp qmp;
	struct agent *agent;
	int agent_fd;
	bool answered; /* the last QMP command */
	bool loaded, runs, resumed, stopped;
	bool ended;    /* qemu, for whatever reason */
	bool good;     /* the snapshot: whatever fails, it was not that */
	bool complete; /* the launch: its daemon and the launcher talk to each other */
	char failure[512];
};

/* ---- What is heard ---- */

static int error_ended(struct conversation *c, struct error *err)
{
	c->ended = true;
	return error_set(err, 0, "qemu has ended");
}

static void fail(struct conversation *c, const char *what, const char *why)
{
	if (!*c->failure)
		snprintf(c->failure, sizeof(c->failure), "%s: %s", what, why);
}

static bool is_completed(const json_t *migration)
{
	const char *status = json_string_value(json_object_get(migration, "status"));

	return status && strcmp(status, "completed") == 0;
}

static void on_message(const struct qmp_message *message, void *data)
{
	struct conversation *c = data;

	if (message->error)
		fail(c, "qemu", message->error);
	else if (!message->event)
		c->answered = true;
	else if (strcmp(message->event, "RESUME") == 0)
		c->runs = true;
	else if (strcmp(message->event, "MIGRATION") == 0 && is_completed(message->data))
		c->loaded = true;
}

static void on_fatal(const char *message, void *data)
{
	fail(data, "the appliance", message);
}

static void on_resumed(void *data)
{
	struct conversation *c = data;
	c->resumed = true;
}

static void on_stopped(void *data)
{
	struct conversation *c = data;
	c->stopped = true;
}

static const struct agent_handler handler = {
	.fatal = on_fatal,
	.resumed = on_resumed,
	.stopped = on_stopped,
};

/* ---- The loop ---- */

static int serve_agent(struct conversation *c, short events, struct error *err)
{
	char buf[4096];
	size_t len;

	if (events & (POLLIN | POLLHUP)) {
		ssize_t n = recv(c->agent_fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n == 0)
			return error_ended(c, err);
		if (n > 0 && agent_receive(c->agent, buf, n, err) < 0)
			return -1;
	}
	const void *out = agent_output(c->agent, &len);
	ssize_t sent = len ? send(c->agent_fd, out, len, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
	if (sent > 0)
		agent_output_sent(c->agent, sent);
	return 0;
}

/* Until *done. -1: it can't come any more. */
static int wait_for(struct conversation *c, const bool *done, struct error *err)
{
	int64_t deadline = monotonic_ms() + STEP_MS;
	size_t unsent;

	while (!*done) {
		agent_output(c->agent, &unsent);
		struct pollfd fds[] = {
			{c->qmp.fd, POLLIN, 0},
			{c->agent_fd, POLLIN | (unsent ? POLLOUT : 0), 0},
		};
		int n = poll(fds, ARRAY_SIZE(fds), MAX(0, deadline - monotonic_ms()));
		if (n == 0)
			return error_set(err, ETIMEDOUT, "no answer within %d seconds",
				STEP_MS / 1000);
		if (n > 0 && fds[0].revents && qmp_receive(&c->qmp, err) < 0)
			return -1;
		if (n > 0 && fds[1].revents && serve_agent(c, fds[1].revents, err) < 0)
			return -1;
		if (*c->failure)
			return error_set(err, 0, "%s", c->failure);
		if (c->qmp.fd < 0)
			return error_ended(c, err);
	}
	return 0;
}

static int ask_qemu(
	struct conversation *c, const char *command, json_t *arguments, struct error *err)
{
	c->answered = false;
	/* There is nobody to tell it. */
	if (qmp_execute(&c->qmp, command, arguments, -1, err) < 0) {
		c->ended = true;
		return -1;
	}
	return wait_for(c, &c->answered, err);
}

/* ---- The steps ---- */

static int load(struct conversation *c, int state_fd, struct error *err)
{
	CLEANUP_FREE char *uri = xasprintf("fd:%d", state_fd);

	if (ask_qemu(c, "migrate-set-capabilities",
		    json_pack("{s:[{s:s, s:b}, {s:s, s:b}]}", "capabilities",
			    "capability", "x-ignore-shared", "state", 1, "capability",
			    "events", "state", 1),
		    err) < 0 ||
		ask_qemu(c, "migrate-incoming", json_pack("{s:s}", "uri", uri), err) <
			0 ||
		wait_for(c, &c->loaded, err) < 0)
		return -1;
	/* A qemu that goes on says so before it says that it has loaded. */
	if (c->runs)
		return 0;
	/* It has taken the locks of its disks only now, and without them it stands still. */
	c->good = true;
	return error_set(err, 0, "qemu can't use a disk; its own message says why");
}

static int make_unique(struct conversation *c, unsigned n_disks, struct error *err)
{
	uint8_t seed[RESUME_SEED_SIZE];
	struct timespec now;

	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return error_set(err, errno, "get random numbers for the guest");
	clock_gettime(CLOCK_REALTIME, &now);
	const struct resume_request request = {
		.realtime_ns = now.tv_sec * UINT64_C(1000000000) + now.tv_nsec,
		.disks = n_disks,
		.seed = seed};
	agent_resume(c->agent, &request);
	return wait_for(c, &c->resumed, err);
}

static int connect_channel(struct conversation *c, const char *path, struct error *err)
{
	return ask_qemu(c, "chardev-change",
		json_pack("{s:s, s:{s:s, s:{s:{s:s, s:{s:s}}, s:b}}}", "id", "channel0",
			"backend", "type", "socket", "data", "addr", "type", "unix",
			"data", "path", path, "server", 0),
		err);
}

static int let_go(struct conversation *c, struct error *err)
{
	agent_stop(c->agent);
	return wait_for(c, &c->stopped, err);
}

static int complete(struct conversation *c, const struct follow *f, struct error *err)
{
	if (load(c, f->state_fd, err) < 0)
		return -1;
	int64_t start = monotonic_ms();
	if (make_unique(c, f->plan->line.n_disks, err) < 0)
		return -1;
	log_info("%u disks after %lld ms", f->plan->line.n_disks,
		(long long)(monotonic_ms() - start));
	c->good = true;
	if (connect_channel(c, f->plan->line.channel, err) < 0)
		return -1;
	c->complete = true;
	return let_go(c, err);
}

/*
 * Nobody else may be there to end it. A "quit" by QMP would be lost when this process ends: qemu
 * reads nothing more from a connection that the other side has closed. qemu holds its end of
 * ours, so the process number is still its own.
 */
static void end_qemu(const struct conversation *c, pid_t qemu)
{
	struct pollfd closed = {.fd = c->agent_fd};

	kill(qemu, SIGTERM);
	if (poll(&closed, 1, END_MS) == 0)
		kill(qemu, SIGKILL);
}

static void follow(const struct follow *f, pid_t qemu)
{
	struct conversation c = {.agent_fd = f->agent_fd};
	struct error err;

	qmp_init(&c.qmp, f->qmp_fd, on_message, &c);
	c.agent = agent_new(&handler, &c);
	if (complete(&c, f, &err) == 0)
		return;
	/* The appliance is in use by now, whatever the companion does. */
	if (c.complete) {
		log_warning("the companion has not ended: %-s", err.msg);
		return;
	}
	/* A launcher that was killed takes no connection. */
	struct error ignored;
	if (c.good || (c.ended && plan_try(f->plan, &ignored) == 0)) {
		log_warning("the launch failed: %-s", err.msg);
	} else {
		log_warning(
			"the launch failed, and its snapshot is removed: %-s", err.msg);
		snapshots_discard(&f->plan->cache, f->identity);
	}
	if (!c.ended)
		end_qemu(&c, qemu);
}

/* ---- The process ---- */

/* Two forks: a child of qemu's that has ended would wait for qemu to ask how. */
int follow_start(const struct follow *f, struct error *err)
{
	int keep[] = {f->agent_fd, f->qmp_fd, f->plan->cache.fd};
	pid_t qemu = getpid(), pid = fork();

	if (pid < 0)
		return error_set(err, errno, "create a process");
	if (pid > 0) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return 0;
	}
	if (fork() == 0) {
		/* The launcher reads the console until nobody has it any more. */
		fork_null_streams();
		fork_close_others(3, keep, ARRAY_SIZE(keep));
		follow(f, qemu);
	}
	_exit(0);
}
