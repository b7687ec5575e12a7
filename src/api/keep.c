/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The keeper of a session: one loop serves its VM, the commands in it, and the clients.
 *
 *	client ──request, its descriptors──► struct client ──vm_exec_begin()──► the VM's loop
 *	       ◄──RESULT──────────────────────────┘    reads and writes the descriptors ◄┘
 *
 * A client whose connection closes has given up its command, unless that is detached.
 * Clients are processes of this user, but what they send is checked: a mistake of one must
 * not end the VM of all.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/handle.h"
#include "base/control.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "base/printable.h"
#include "session/session.h"

/* A command's words, as others are shown them. */
#define TEXT_SIZE 256

struct client {
	/* fd is -1 once a detached command is on its own. */
	struct session_link link;
	struct strbuf request;
	/* NULL: it runs no command. */
	struct vm_exec *exec;
	char text[TEXT_SIZE];
	/* Its first word; NULL: there is none yet. */
	char *name;
	int64_t started; /* seconds since 1970 */
	bool detached;
	/* It has its answer: only that is still to be sent. */
	bool answered;
	/* To be removed. */
	bool gone;
};

/* Whom the VM is for. */
enum role {
	/* A session: for all clients, until it is stopped. */
	ROLE_SESSION,
	/* For one run, which has not come: the VM stands still, and can only be taken or
	 * stopped. */
	ROLE_READY,
	/* For the client that has taken it, the owner. It ends when that hangs up. */
	ROLE_TAKEN,
};

struct keeper {
	struct hypermin *h;
	/* ROLE_READY becomes ROLE_TAKEN; nothing else changes. */
	enum role role;
	/* Of ROLE_TAKEN; NULL in the other roles. */
	struct client *owner;
	struct session_name name;
	int listen_fd;
	VECTOR(struct client *) clients;
	/* What vm_serve() polls for us: listen_fd, control, then the clients'. */
	VECTOR(struct pollfd) polled;
	int64_t started; /* seconds since 1970 */
	unsigned idle_ms;
	int64_t busy_ms; /* when a command last ran, as monotonic_ms() */
	/* When this VM has been taken and has ended, no other one takes its place. */
	bool is_last;
	/* The VM is to end; at_once: even if the guest has not written out its disks. */
	bool is_stopping, at_once;
	/* The signal that ends the VM; 0: none has come. */
	int signal;
	/* The client that has asked for the end, and is told when it has come; or NULL. */
	struct client *stopper;
};

/* ---- Answers ---- */

static void answer_failure(struct client *c, const struct error *err)
{
	uint8_t fixed[SESSION_FAILED_FIXED];

	wire_put_u32(fixed, err->num);
	session_link_add_text(&c->link, SESSION_FAILED, fixed, sizeof(fixed), err->msg);
	c->answered = true;
}

static void answer_result(
	struct client *c, const struct hypermin_result *result, const char *why)
{
	uint8_t fixed[SESSION_RESULT_FIXED];

	wire_put_u32(fixed, result->outcome);
	wire_put_u32(fixed + 4, result->status);
	session_link_add_text(&c->link, SESSION_RESULT, fixed, sizeof(fixed), why);
	c->answered = true;
}

/* ---- Commands ---- */

/* The words with blanks between them, cut. */
static void describe_words(const char *const *words, char ret[static TEXT_SIZE])
{
	CLEANUP_STRBUF struct strbuf sb = {0};

	for (size_t i = 0; words[i] && sb.len < TEXT_SIZE; i++)
		strbuf_addf(&sb, "%s%s", i ? " " : "", words[i]);
	printable_copy(ret, TEXT_SIZE, sb.data, sb.len);
}

/* `n` strings that follow each other, as an array that ends with NULL. */
static void add_strings(struct strvec *to, const char *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++, s += strlen(s) + 1)
		strvec_add(to, s);
}

struct request {
	uint32_t timeout_ms;
	uint16_t flags;
	const char *here; /* the client's directory, or "" */
	struct exec_request exec;
};

/* The strings stay in `bytes`. */
static int parse_request(const struct strbuf *bytes, struct request *ret)
{
	const uint8_t *data = (const uint8_t *)bytes->data;

	if (bytes->len < SESSION_EXEC_FIXED)
		return -1;
	ret->timeout_ms = wire_get_u32(data);
	ret->flags = wire_get_u16(data + 4);
	ret->here = bytes->data + SESSION_EXEC_FIXED;
	const char *nul = memchr(ret->here, '\0', bytes->len - SESSION_EXEC_FIXED);
	if (!nul || ret->flags & ~SESSION_EXEC_FLAGS || wire_get_u16(data + 6) != 0)
		return -1;
	size_t at = nul + 1 - bytes->data;
	return exec_request_parse(data + at, bytes->len - at, &ret->exec);
}

/* The descriptor for a standard stream, of those that the client has passed. */
static int take_stream(const struct client *c, uint16_t flags, uint16_t stream)
{
	unsigned before = 0;

	for (uint16_t other = SESSION_HAS_STDIN; other < stream; other <<= 1)
		before += flags & other ? 1 : 0;
	return flags & stream && before < c->link.n_fds ? c->link.fds[before] : -1;
}

static int start_command(struct keeper *k, struct client *c, const struct request *r)
{
	CLEANUP(handle_command_done) struct handle_command made = {0};
	CLEANUP_STRVEC struct strvec argv = {0}, env = {0};
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;

	add_strings(&argv, r->exec.argv, r->exec.argc);
	add_strings(&env, r->exec.env, r->exec.envc);
	command.argv = (const char *const *)strvec_argv(&argv);
	command.env = (const char *const *)strvec_argv(&env);
	command.cwd = *r->exec.cwd ? r->exec.cwd : NULL;
	command.user = *r->exec.user ? r->exec.user : NULL;
	command.entrypoint = "";
	command.terminal = r->exec.flags & EXEC_TERMINAL;
	command.stdin_fd = take_stream(c, r->flags, SESSION_HAS_STDIN);
	command.stdout_fd = take_stream(c, r->flags, SESSION_HAS_STDOUT);
	command.stderr_fd = take_stream(c, r->flags, SESSION_HAS_STDERR);
	command.timeout_ms = r->timeout_ms;
	if (handle_command_make(k->h, &command, r->here, &made) < 0)
		return -1;
	made.vm.agent.stderr_apart = r->exec.flags & EXEC_STDERR_APART;
	made.vm.agent.rows = r->exec.rows;
	made.vm.agent.columns = r->exec.columns;
	c->exec = vm_exec_begin(k->h->vm, &made.vm, &k->h->error);
	if (!c->exec)
		return -1;
	describe_words(command.argv, c->text);
	c->name = xstrdup(command.argv[0]);
	c->started = time(NULL);
	c->detached = r->flags & SESSION_DETACHED;
	return 0;
}

/* `lost`: why there will be no more of a command that is not over; NULL: it is over. */
static void end_command(struct keeper *k, struct client *c, const struct error *lost)
{
	struct hypermin_result result;

	bool is_over = vm_exec_is_over(c->exec);
	k->h->error.msg[0] = '\0';
	int ended = vm_exec_end(TAKE_PTR(c->exec), &result, &k->h->error);
	if (c->link.fd < 0)
		c->gone = true;
	if (c->answered || c->gone)
		return;
	if (ended < 0 || !is_over) {
		answer_failure(c, k->h->error.msg[0] ? &k->h->error : lost);
		return;
	}
	if (result.outcome == HYPERMIN_NOT_FOUND && !k->h->appliance.image &&
		!k->h->state)
		handle_explain_missing(k->h, c->name, -1, &k->h->error);
	answer_result(c, &result, k->h->error.msg);
}

static void serve_command(struct keeper *k, struct client *c)
{
	static const struct hypermin_result runs = {HYPERMIN_EXITED, 0};

	if (!c->exec)
		return;
	if (c->detached && !c->answered && vm_exec_has_started(c->exec))
		answer_result(c, &runs, "");
	if (vm_exec_is_over(c->exec))
		end_command(k, c, NULL);
}

/* ---- What a session is ---- */

static json_t *text_of(const char *text)
{
	CLEANUP_FREE char *printable = printable_dup(text);

	return json_string(printable);
}

static json_t *describe_disks(const struct hypermin *h)
{
	json_t *list = json_array();

	size_t n;
	const struct vm_disk *disks = handle_disks(h, &n);

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list,
			json_pack("{s:o, s:s, s:s}", "path", text_of(disks[i].path),
				"format", disks[i].format, "access",
				disks[i].writable	   ? "rw"
					: disks[i].overlay ? "snapshot"
							   : "ro"));
	return list;
}

static json_t *describe_shares(const struct hypermin *h)
{
	json_t *list = json_array();

	vector_foreach (share, &h->shares)
		json_array_append_new(list,
			json_pack("{s:o, s:o, s:s}", "path", text_of(share->path),
				"place", text_of(share->place), "mode", share->mode));
	return list;
}

static json_t *describe_commands(const struct keeper *k)
{
	json_t *list = json_array();

	vector_foreach (client, &k->clients) {
		const struct client *c = *client;

		if (c->exec)
			json_array_append_new(list,
				json_pack("{s:s, s:I, s:b}", "command", c->text,
					"started", (json_int_t)c->started, "detached",
					c->detached));
	}
	return list;
}

static char *describe_origin(const struct hypermin *h)
{
	struct strbuf sb = {0};

	if (h->from)
		strbuf_addf(&sb, "state %s", h->from);
	else if (h->fixed)
		strbuf_addf(&sb, "appliance %s", h->fixed);
	else if (h->image)
		strbuf_addf(&sb, "image %s", h->image);
	else if (strcmp(h->root, "/") != 0)
		strbuf_addf(&sb, "root %s", h->root);
	else
		strbuf_adds(&sb, h->host ? "host" : "packages");
	return strbuf_detach(&sb);
}

static void describe(struct keeper *k, struct client *c)
{
	const struct hypermin *h = k->h;
	CLEANUP_FREE char *origin = describe_origin(h);
	json_t *packages = json_array();

	vector_foreach (package, &h->packages)
		json_array_append_new(packages, text_of(*package));
	json_t *all = json_pack(
		"{s:s, s:i, s:I, s:o, s:o, s:i, s:i, s:I, s:s?, s:b, s:o, s:o, s:b, s:o, s:i}",
		"name", k->name.name, "pid", (int)getpid(), "started",
		(json_int_t)k->started, "origin", text_of(origin), "packages", packages,
		"memory_mib", (int)handle_memory_mib(h), "cpus", (int)handle_cpus(h),
		"memory_bytes", (json_int_t)vm_memory_bytes(h->vm), "kernel",
		h->appliance.kernel_version, "resumed", vm_is_resumed(h->vm), "disks",
		describe_disks(h), "shares", describe_shares(h), "network",
		h->network.internet, "commands", describe_commands(k), "idle_ms",
		(int)k->idle_ms);
	json_object_set_new(all, "vm", handle_describe(h));
	CLEANUP_FREE char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
	json_decref(all);
	if (text && strlen(text) <= FRAME_PAYLOAD_MAX)
		session_link_add_text(&c->link, SESSION_DESCRIPTION, NULL, 0, text);
	c->answered = true;
}

/* ---- Requests ---- */

/* Each returns -1 if that is no request that a client may make now. */

static int on_exec_part(struct client *c, const struct frame *f)
{
	if (c->request.len + f->len > SESSION_EXEC_MAX || c->exec)
		return -1;
	strbuf_add(&c->request, f->payload, f->len);
	return 0;
}

static int on_exec(struct keeper *k, struct client *c, const struct frame *f)
{
	struct request request;

	if (on_exec_part(c, f) < 0 || parse_request(&c->request, &request) < 0)
		return -1;
	if (start_command(k, c, &request) < 0)
		answer_failure(c, &k->h->error);
	strbuf_done(&c->request);
	return 0;
}

static int on_signal(struct client *c, const struct frame *f)
{
	uint32_t signal = f->len == 4 ? wire_get_u32(f->payload) : 0;

	if (signal < 1 || signal > 64)
		return -1;
	if (c->exec)
		vm_exec_signal(c->exec, signal);
	return 0;
}

static int on_resize(struct client *c, const struct frame *f)
{
	if (f->len != 4)
		return -1;
	if (c->exec)
		vm_exec_resize(
			c->exec, wire_get_u16(f->payload), wire_get_u16(f->payload + 2));
	return 0;
}

static int on_stop(struct keeper *k, struct client *c, const struct frame *f)
{
	if (f->len != 1)
		return -1;
	if (k->owner && k->owner != c) {
		k->is_last = true;
		session_link_add(&c->link, SESSION_TAKEN, 0);
		c->answered = true;
		return 0;
	}
	k->is_stopping = true;
	k->at_once = f->payload[0];
	k->stopper = c;
	return 0;
}

/* The VM stands still meanwhile, and everybody waits. */
static int on_save(struct keeper *k, struct client *c, const struct frame *f)
{
	if (f->len != 0 || c->link.n_fds != 1)
		return -1;
	CLEANUP_FREE char *about = handle_write_down(k->h, c->link.fds[0]);
	if (about)
		session_link_add_text(&c->link, SESSION_DESCRIPTION, NULL, 0, about);
	else
		answer_failure(c, &k->h->error);
	c->answered = true;
	return 0;
}

static int on_take(struct keeper *k, struct client *c, const struct frame *f)
{
	CLEANUP_FREE struct vm_share *shares = NULL;
	struct vm_gift gift;

	if (k->role != ROLE_READY) {
		error_set(&k->h->error, EBUSY, "take the VM");
		answer_failure(c, &k->h->error);
		return 0;
	}
	if (handle_read_gift(k->h, f, c->link.fds, c->link.n_fds, &gift, &shares) < 0)
		return -1;
	k->role = ROLE_TAKEN;
	k->owner = c;
	int result = vm_wake(k->h->vm, &gift, &k->h->error);
	/* Only qemu has them now. */
	session_link_close_fds(&c->link);
	if (result < 0) {
		answer_failure(c, &k->h->error);
		k->is_stopping = k->at_once = true;
		return 0;
	}
	session_link_add(&c->link, SESSION_TAKEN, 0);
	return 0;
}

static int handle_request(struct keeper *k, struct client *c, const struct frame *f)
{
	if (k->role == ROLE_READY && f->type != SESSION_TAKE && f->type != SESSION_STOP)
		return -1;
	/* It may send a signal before it knows that the command has ended. */
	if (c->answered)
		return 0;
	switch (f->type) {
	case SESSION_EXEC_PART:
		return on_exec_part(c, f);
	case SESSION_EXEC:
		return on_exec(k, c, f);
	case SESSION_SIGNAL:
		return on_signal(c, f);
	case SESSION_RESIZE:
		return on_resize(c, f);
	case SESSION_DESCRIBE:
		describe(k, c);
		return 0;
	case SESSION_STOP:
		return on_stop(k, c, f);
	case SESSION_SAVE:
		return on_save(k, c, f);
	case SESSION_TAKE:
		return on_take(k, c, f);
	}
	return -1;
}

static int receive(struct keeper *k, struct client *c)
{
	struct frame f;
	int received = session_link_receive(&c->link), n;

	while ((n = session_link_next(&c->link, &f)) > 0) {
		if (handle_request(k, c, &f) < 0)
			return -1;
		session_link_drop(&c->link);
	}
	return n < 0 ? -1 : received;
}

/* ---- Clients ---- */

static void client_free(struct client *c)
{
	struct hypermin_result ignored;
	struct error err;

	if (c->exec)
		vm_exec_end(c->exec, &ignored, &err);
	session_link_done(&c->link);
	strbuf_done(&c->request);
	free(c->name);
	free(c);
}

static void accept_clients(struct keeper *k)
{
	int fd;

	while ((fd = accept4(k->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >=
		0) {
		if (!session_peer_is_ours(fd)) {
			close(fd);
			continue;
		}
		struct client *c = xcalloc(1, sizeof(*c));
		session_link_init(&c->link, fd);
		vector_push(&k->clients, c);
	}
}

static void serve_client(struct keeper *k, struct client *c, short revents)
{
	bool is_closed = revents && receive(k, c) < 0;

	serve_command(k, c);
	is_closed |= c->link.fd >= 0 && session_link_flush(&c->link) < 0;
	if (c == k->owner) {
		/* The connection stays open: by its end the owner learns that the VM is
		 * gone. */
		if (is_closed)
			k->is_stopping = k->at_once = true;
		return;
	}
	if (c->link.fd >= 0 && is_closed) {
		/* A detached command keeps its descriptors: those are in the link. */
		if (!c->detached || !c->answered)
			c->gone = true;
		close(c->link.fd);
		c->link.fd = -1;
	}
	if (c->answered && !c->exec && !c->link.out.len)
		c->gone = true;
}

static void remove_the_gone(struct keeper *k)
{
	for (size_t i = k->clients.len; i-- > 0;) {
		if (!k->clients.items[i]->gone)
			continue;
		if (k->stopper == k->clients.items[i])
			k->stopper = NULL;
		if (k->owner == k->clients.items[i])
			k->owner = NULL;
		client_free(k->clients.items[i]);
		k->clients.items[i] = k->clients.items[--k->clients.len];
	}
}

/* ---- The loop ---- */

/* What is polled before the clients. */
#define OWN_POLLED 2

static void fill(struct keeper *k)
{
	k->polled.len = 0;
	vector_push(&k->polled, (struct pollfd){k->listen_fd, POLLIN, 0});
	vector_push(&k->polled, (struct pollfd){k->h->control[0], POLLIN, 0});
	vector_foreach (client, &k->clients) {
		const struct session_link *link = &(*client)->link;
		short events = POLLIN | (link->out.len ? POLLOUT : 0);

		vector_push(&k->polled, (struct pollfd){link->fd, events, 0});
	}
}

static bool has_commands(const struct keeper *k)
{
	vector_foreach (client, &k->clients)
		if ((*client)->exec)
			return true;
	return false;
}

static int64_t idle_deadline(const struct keeper *k)
{
	return k->idle_ms && !has_commands(k) && !k->owner ? k->busy_ms + k->idle_ms : 0;
}

static bool is_idle(const struct keeper *k)
{
	int64_t deadline = idle_deadline(k);

	return deadline && monotonic_ms() >= deadline;
}

/* The disks are written out, as when a client stops it. */
static void take_interrupt(struct keeper *k)
{
	struct control_message message;

	if (!control_read(k->h->control[0], &message) ||
		message.what != CONTROL_INTERRUPT)
		return;
	k->is_stopping = true;
	k->signal = message.signal;
}

/* 0: somebody stops it, or it is idle. */
static int serve(struct keeper *k)
{
	while (!k->is_stopping && !is_idle(k)) {
		fill(k);
		size_t n = k->clients.len;
		if (vm_serve(k->h->vm, k->polled.items, k->polled.len, idle_deadline(k),
			    &k->h->error) < 0)
			return -1;
		if (has_commands(k))
			k->busy_ms = monotonic_ms();
		for (size_t i = 0; i < n; i++)
			serve_client(k, k->clients.items[i],
				k->polled.items[OWN_POLLED + i].revents);
		remove_the_gone(k);
		if (k->polled.items[0].revents)
			accept_clients(k);
		if (k->polled.items[1].revents)
			take_interrupt(k);
	}
	return 0;
}

/* ---- The end ---- */

/* What is polled for each client: its connection, and what its command's output waits
 * for. */
#define POLLED_OF_CLIENT 3

/* Write what can be written now. How many descriptors the rest waits for; 0: it is all
 * written. */
static size_t fill_with_outputs(struct keeper *k)
{
	size_t n_waiting = 0;

	k->polled.len = 0;
	vector_push(&k->polled, (struct pollfd){k->h->control[0], POLLIN, 0});
	vector_foreach (client, &k->clients) {
		struct client *c = *client;
		struct pollfd fds[POLLED_OF_CLIENT] = {
			{-1, 0, 0}, {-1, 0, 0}, {-1, 0, 0}};
		size_t n = c->exec ? vm_exec_flush(c->exec, fds + 1) : 0;

		if (n)
			fds[0] = (struct pollfd){c->link.fd, POLLIN, 0};
		for (size_t i = 0; i < POLLED_OF_CLIENT; i++)
			vector_push(&k->polled, fds[i]);
		n_waiting += n;
	}
	return n_waiting;
}

/* The VM is lost, but not what its commands have written before. The clients get that, however
 * slowly they read. One that hangs up gets no more; a signal to the keeper ends the wait for
 * all. */
static void flush_outputs(struct keeper *k)
{
	while (fill_with_outputs(k) > 0) {
		const struct pollfd *fds = k->polled.items;

		if (poll(k->polled.items, k->polled.len, -1) < 0) {
			if (errno != EINTR)
				return;
			continue;
		}
		if (fds[0].revents)
			take_interrupt(k);
		if (k->signal)
			return;
		for (size_t i = 0; i < k->clients.len; i++)
			if (fds[1 + i * POLLED_OF_CLIENT].revents &&
				receive(k, k->clients.items[i]) < 0)
				k->clients.items[i]->gone = true;
		remove_the_gone(k);
	}
}

/* End the VM, which somebody wants, and say why. */
static int stop(struct keeper *k, struct error *why)
{
	struct hypermin *h = k->h;

	if (k->signal)
		error_set(why, 0, "signal %d ended its keeper", k->signal);
	else if (k->is_stopping)
		error_set(why, 0, "the session was stopped");
	else
		error_set(why, 0, "it was idle for %u seconds", k->idle_ms / 1000);
	/* Another signal ends even that. */
	vm_set_control(h->vm, h->control[0]);
	vm_set_owner(h->vm, k->owner ? k->owner->link.fd : -1);
	h->stopped = true;
	if (k->at_once || !handle_is_writable(h) || vm_stop(h->vm, 0, &h->error) == 0)
		return 0;
	*why = h->error;
	return -1;
}

/* Send each its last answer. A client that does not read is not waited for. */
static void tell_clients(struct keeper *k, bool is_stopped, const struct error *why)
{
	vector_foreach (client, &k->clients) {
		struct client *c = *client;

		if (c == k->stopper && is_stopped)
			session_link_add(&c->link, SESSION_STOPPED, 0);
		else if (!c->answered)
			answer_failure(c, why);
		if (c->link.fd >= 0)
			session_link_flush(&c->link);
	}
}

static int keep(struct keeper *k, int (*ready)(const char *name, void *data), void *data)
{
	struct hypermin *h = k->h;
	struct error why = {0};

	k->listen_fd = session_listen(&k->name, &h->error);
	if (k->listen_fd < 0)
		return -1;
	if (ready && ready(k->name.name, data) < 0)
		return error_set(&h->error, ECANCELED,
			"keep the session '%s': nobody waits for it", k->name.name);
	vm_set_control(h->vm, -1);
	int result = serve(k);
	if (result < 0) {
		why = h->error;
		/* New clients are told at once, while others still read their output. */
		session_release(&k->name, k->role == ROLE_SESSION ? why.msg : NULL);
		flush_outputs(k);
	} else {
		result = stop(k, &why);
	}
	/* The commands go before the VM does, with what there is of their output. */
	vector_foreach (client, &k->clients) {
		if (!(*client)->exec)
			continue;
		vm_exec_flush((*client)->exec, (struct pollfd[2]){0});
		end_command(k, *client, &why);
	}
	vm_free(TAKE_PTR(h->vm));
	/* Who is told that it was stopped may at once remove what it was made from, and start another. */
	memory_claim_release(&h->memory_claim);
	handle_close_state(h);
	appliance_done(&h->appliance);
	/* Nobody asks later why a VM has ended that was for one run, or was stopped. */
	bool is_expected =
		k->role != ROLE_SESSION || (k->is_stopping && !k->signal && result == 0);
	session_release(&k->name, is_expected ? NULL : why.msg);
	tell_clients(k, result == 0, &why);
	h->error = why;
	return k->signal ? control_error(k->signal, &h->error) : result;
}

/* The name is claimed, and given back. */
static int start_and_keep(
	struct keeper *k, int (*ready)(const char *name, void *data), void *data)
{
	struct hypermin *h = k->h;
	const struct start_terms terms = {.cold = h->cold,
		.lasting = k->role == ROLE_SESSION,
		.awaits_disks = k->role == ROLE_READY};
	int result = handle_start(h, &terms, &h->wants_snapshot);

	/* The session may live for days, and other starts want the snapshot before. */
	if (result == 0 && h->wants_snapshot)
		handle_warm_later(h);
	h->wants_snapshot = false;
	if (result == 0 && k->role == ROLE_READY) {
		handle_rehearse(h->vm);
		result = vm_pause(h->vm, &h->error);
	}
	k->started = time(NULL);
	k->busy_ms = monotonic_ms();
	if (result == 0)
		result = keep(k, ready, data);
	vector_foreach (client, &k->clients)
		client_free(*client);
	vector_done(&k->clients);
	vector_done(&k->polled);
	if (k->listen_fd >= 0)
		close(k->listen_fd);
	session_release(&k->name, NULL);
	return result;
}

int hypermin_keep(struct hypermin *h, const char *name, unsigned idle_ms,
	int (*ready)(const char *name, void *data), void *data)
{
	struct keeper k = {.h = h, .idle_ms = idle_ms, .listen_fd = -1};

	if (session_claim(name, &k.name, &h->error) < 0)
		return -1;
	return start_and_keep(&k, ready, data);
}

int hypermin_keep_ready(struct hypermin *h, unsigned max, unsigned idle_ms,
	int (*ready)(const char *name, void *data), void *data)
{
	struct keeper k = {
		.h = h, .idle_ms = idle_ms, .listen_fd = -1, .role = ROLE_READY};
	char key[READY_KEY_LEN + 1];

	if (!handle_may_wait(h))
		return error_set(&h->error, 0,
			"keep a VM ready: it can have no disks, directories and network, and none "
			"can wait that always boots or goes on from a saved state");
	if (handle_prepare(h, true, false) < 0)
		return -1;
	handle_ready_key(h, key);
	if (handle_check_memory(h, key, max) < 0)
		return -1;
	if (session_claim_ready(key, max, &k.name, &h->error) < 0)
		return h->error.num == EEXIST ? 0 : -1;
	int result = start_and_keep(&k, ready, data);
	/* Another one takes its place, however this one has ended. */
	if (k.role == ROLE_TAKEN && !k.is_last && !k.signal)
		return 1;
	return result;
}
