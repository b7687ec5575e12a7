/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands under way on a handle, and the threads that wait for them.
 *
 *	hypermin_begin() ──► struct hypermin_job ──► hypermin_wait()      in any thread
 *	                             ▲          ╲──► hypermin_dispatch() ──► ended()
 *	                             │
 *	             own VM: struct vm_exec, or session: struct conversation
 *
 * One thread at a time polls for all jobs of a handle. The others sleep until theirs is over,
 * or until that thread has what it waits for and somebody else has to poll:
 *
 *	lock ─► list what to poll ─► unlock, poll, lock ─► serve, unless the list is outdated
 *	 ▲                                                    │
 *	 └──────────────── while the own job is under way ────┘ ──► wake the others
 *
 * All that is in struct hypermin is used with its lock held, except by calls that need the
 * handle for themselves (hypermin.h lists them).
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/job.h"
#include "base/control.h"
#include "base/log.h"
#include "base/monotonic.h"

/* Linux has so many. A keeper hangs up on who passes another. */
#define SIGNAL_MAX 64

/* What is polled of the handle, in front of what is polled for its jobs. */
enum { POLLED_WAKE, POLLED_CONTROL, POLLED_OF_HANDLE };

/* ---- Errors ---- */

/* Several threads may call at once, so each has its own last error. The lock is held; what
 * failed has left the error in h->error, as calls do that are alone. */
static void keep_error(struct hypermin *h)
{
	struct thread_error *own = NULL;

	vector_foreach (e, &h->errors)
		if (pthread_equal((*e)->thread, pthread_self()))
			own = *e;
	if (!own && h->error.msg[0]) {
		own = xcalloc(1, sizeof(*own));
		own->thread = pthread_self();
		vector_push(&h->errors, own);
	}
	if (own)
		own->error = h->error;
	h->error = (struct error){0};
}

static const struct error *last_error(const struct hypermin *h)
{
	const struct error *last = &h->error;

	pthread_mutex_lock((pthread_mutex_t *)&h->lock);
	if (!h->error.msg[0])
		vector_foreach (e, &h->errors)
			if (pthread_equal((*e)->thread, pthread_self()))
				last = &(*e)->error;
	pthread_mutex_unlock((pthread_mutex_t *)&h->lock);
	return last;
}

const char *hypermin_error(const struct hypermin *h)
{
	return last_error(h)->msg;
}

int hypermin_error_number(const struct hypermin *h)
{
	return last_error(h)->num;
}

/* ---- One job ---- */

static struct winsize terminal_size(int fd)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};

	ioctl(fd, TIOCGWINSZ, &size);
	return size;
}

static int begin_here(struct hypermin_job *job, const struct hypermin_command *command,
	struct winsize size)
{
	struct hypermin *h = job->h;
	CLEANUP(handle_command_done) struct handle_command c = {0};
	CLEANUP_FREE char *here = getcwd(NULL, 0);

	if (command->detached)
		return error_set(&h->error, 0,
			"run a command and leave it: that takes a session, whose VM goes on");
	if (handle_command_make(h, command, here, &c) < 0)
		return -1;
	c.vm.agent.rows = size.ws_row;
	c.vm.agent.columns = size.ws_col;
	c.vm.terminal = &job->terminal;
	job->exec = vm_exec_begin(h->vm, &c.vm, &h->error);
	if (!job->exec)
		return -1;
	return 0;
}

static int begin(struct hypermin_job *job, const struct hypermin_command *command)
{
	struct hypermin *h = job->h;

	if (command->size != sizeof(*command))
		return error_set(&h->error, 0,
			"run a command: its size is not that of HYPERMIN_COMMAND_INIT; was "
			"the program compiled for another version of hypermin?");
	if (h->wake_fd < 0)
		return error_set(&h->error, EMFILE, "run a command: create an eventfd");
	if (!h->session && handle_check_started(h) < 0)
		return -1;
	if (h->appliance.own_init)
		return error_set(&h->error, 0,
			"run a command: the appliance has no manifest.json, so it is one with an /init "
			"of its own, which decides what runs in it; without a command that goes on");
	h->time_over_ms = command->timeout_ms ? monotonic_ms() + command->timeout_ms : 0;
	struct winsize size = terminal_size(command->stdout_fd);
	job->size_fd = command->terminal ? command->stdout_fd : -1;
	if (command->terminal &&
		terminal_set_raw(&job->terminal, command->stdin_fd, &h->error) < 0)
		return -1;
	if (!h->session)
		return begin_here(job, command, size);
	job->conversation =
		conversation_begin(h->session, command, &size, &job->terminal, &h->error);
	return job->conversation ? 0 : -1;
}

/* It is over, in one way or another. */
static void finish(struct hypermin_job *job, enum job_phase phase)
{
	struct hypermin_result ignored;
	struct error unread;

	if (job->exec)
		vm_exec_end(TAKE_PTR(job->exec), &ignored, &unread);
	if (job->conversation)
		conversation_free(TAKE_PTR(job->conversation));
	terminal_restore(&job->terminal);
	job->phase = phase;
	/* One of them waits for it; and if that one has polled, another has to now. */
	pthread_cond_broadcast(&job->h->others);
}

static void job_free(struct hypermin_job *job)
{
	finish(job, JOB_FAILED);
	free(job->name);
	free(job);
}

static void job_signal(struct hypermin_job *job, int signal)
{
	if (job->exec)
		vm_exec_signal(job->exec, signal);
	if (job->conversation)
		conversation_signal(job->conversation, signal);
}

static void interrupt(struct hypermin_job *job, int signal)
{
	bool is_running = job->conversation || vm_exec_is_running(job->exec);

	if (is_running && !job->interrupted) {
		job->interrupted = true;
		job_signal(job, signal);
		log_info("passing signal %d to the command; a second one leaves it",
			signal);
	} else {
		control_error(signal, &job->error);
		finish(job, JOB_FAILED);
	}
}

static void renew_terminal(struct hypermin_job *job)
{
	if (job->size_fd < 0)
		return;
	struct winsize size = terminal_size(job->size_fd);
	terminal_renew_raw(&job->terminal);
	if (job->exec)
		vm_exec_resize(job->exec, size.ws_row, size.ws_col);
	if (job->conversation)
		conversation_resize(job->conversation, &size);
}

/* If there is more of its output than its descriptors take, that is its caller's still, even
 * when the VM is lost. */
static bool exec_is_over(const struct hypermin_job *job)
{
	struct pollfd waiting[2];

	return job->h->loss.msg[0] ? vm_exec_flush(job->exec, waiting) == 0
				   : vm_exec_is_over(job->exec);
}

static void look_at_exec(struct hypermin_job *job)
{
	if (!exec_is_over(job))
		return;
	int result = vm_exec_end(TAKE_PTR(job->exec), &job->result, &job->error);
	if (result < 0 && !job->error.msg[0])
		job->error = job->h->loss;
	finish(job, result < 0 ? JOB_FAILED : JOB_ENDED);
}

/* ---- All jobs of a handle ---- */

/* What is polled has changed, or there is something to send. */
static void note_change(struct hypermin *h)
{
	uint64_t one = 1;

	h->changes++;
	if ((h->is_polled || h->is_listed) && write(h->wake_fd, &one, sizeof(one)) < 0)
		/* It is full of them. */
		return;
}

static void add(struct hypermin *h, const struct pollfd *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		vector_push(&h->polled, fds[i]);
}

static int list_vm(struct hypermin *h)
{
	bool is_lost = h->loss.msg[0];
	struct pollfd waiting[2];
	int timeout_ms = -1;
	size_t n;

	if (!is_lost) {
		const struct pollfd *fds = vm_list_polled(h->vm, &n, &timeout_ms);
		add(h, fds, n);
	}
	vector_foreach (job, &h->jobs) {
		if (!(*job)->exec)
			continue;
		if (is_lost)
			add(h, waiting, vm_exec_flush((*job)->exec, waiting));
		/* By that, or by a call that has served the VM for itself. */
		if (exec_is_over(*job))
			timeout_ms = 0;
	}
	return timeout_ms;
}

static void list_conversations(struct hypermin *h)
{
	struct pollfd fds[CONVERSATION_POLLED];

	vector_foreach (job, &h->jobs)
		if ((*job)->conversation) {
			conversation_list((*job)->conversation, fds);
			add(h, fds, CONVERSATION_POLLED);
		}
}

/* Into h->polled. For how long, in milliseconds; -1: for ever. */
static int list(struct hypermin *h)
{
	const struct pollfd own[POLLED_OF_HANDLE] = {
		[POLLED_WAKE] = {h->wake_fd, POLLIN, 0},
		[POLLED_CONTROL] = {h->control[0], POLLIN, 0},
	};
	int timeout_ms = -1;

	h->polled.len = 0;
	add(h, own, POLLED_OF_HANDLE);
	if (h->vm)
		timeout_ms = list_vm(h);
	else
		list_conversations(h);
	vector_foreach (job, &h->jobs)
		if ((*job)->phase != JOB_UNDER_WAY && (*job)->ended)
			timeout_ms = 0;
	return timeout_ms;
}

static void serve_vm(struct hypermin *h, const struct pollfd *fds)
{
	if (!h->loss.msg[0])
		vm_serve_polled(h->vm, fds, &h->loss);
	vector_foreach (job, &h->jobs)
		if ((*job)->exec)
			look_at_exec(*job);
}

static void serve_conversations(struct hypermin *h, const struct pollfd *fds)
{
	vector_foreach (it, &h->jobs) {
		struct hypermin_job *job = *it;
		if (!job->conversation)
			continue;
		int result = conversation_serve(
			job->conversation, fds, !job->ended, &job->result, &job->error);
		if (result != 0)
			finish(job, result < 0 ? JOB_FAILED : JOB_ENDED);
		fds += CONVERSATION_POLLED;
	}
}

static bool any_is_under_way(const struct hypermin *h)
{
	vector_foreach (job, &h->jobs)
		if ((*job)->phase == JOB_UNDER_WAY)
			return true;
	return false;
}

/* What comes when no command is under way is for the next call. */
static void take_control(struct hypermin *h)
{
	struct control_message message;

	while (any_is_under_way(h) && control_read(h->control[0], &message))
		vector_foreach (job, &h->jobs) {
			if ((*job)->phase != JOB_UNDER_WAY)
				continue;
			if (message.what == CONTROL_INTERRUPT)
				interrupt(*job, message.signal);
			else
				renew_terminal(*job);
		}
}

/* h->polled was polled, and is as list() made it. */
static void serve(struct hypermin *h)
{
	const struct pollfd *fds = h->polled.items;

	if (h->vm)
		serve_vm(h, fds + POLLED_OF_HANDLE);
	else
		serve_conversations(h, fds + POLLED_OF_HANDLE);
	/* Behind them: it may give up jobs that were polled. */
	if (fds[POLLED_CONTROL].revents)
		take_control(h);
}

static void take_wake(struct hypermin *h)
{
	uint64_t count;

	if (h->polled.items[POLLED_WAKE].revents &&
		read(h->wake_fd, &count, sizeof(count)) < 0)
		return;
}

/* More descriptors than this process may have, or no memory. */
static void fail_all(struct hypermin *h, int num)
{
	vector_foreach (it, &h->jobs) {
		struct hypermin_job *job = *it;
		if (job->phase != JOB_UNDER_WAY)
			continue;
		error_set(&job->error, num, "poll for %zu descriptors", h->polled.len);
		finish(job, JOB_FAILED);
	}
}

/* One turn of the loop. The lock is held, but not while this waits. */
static void turn(struct hypermin *h)
{
	int timeout_ms = list(h);
	unsigned changes = h->changes;

	h->is_polled = true;
	pthread_mutex_unlock(&h->lock);
	int n = poll(h->polled.items, h->polled.len, timeout_ms);
	int num = errno;
	pthread_mutex_lock(&h->lock);
	h->is_polled = false;
	if (n < 0) {
		if (num != EINTR)
			fail_all(h, num);
		return;
	}
	take_wake(h);
	if (h->changes == changes)
		serve(h);
}

/* ---- The public interface ---- */

struct hypermin_job *hypermin_begin(struct hypermin *h,
	const struct hypermin_command *command, hypermin_ended_fn *ended, void *data)
{
	struct hypermin_job *job = xcalloc(1, sizeof(*job));

	*job = (struct hypermin_job){.h = h, .ended = ended, .data = data};
	pthread_mutex_lock(&h->lock);
	h->error = (struct error){0};
	if (begin(job, command) == 0) {
		if (command->argv && command->argv[0])
			job->name = xstrdup(command->argv[0]);
		vector_push(&h->jobs, job);
		note_change(h);
	} else {
		job_free(TAKE_PTR(job));
	}
	keep_error(h);
	pthread_mutex_unlock(&h->lock);
	return job;
}

/* Its result is taken: nobody else is to find it. */
static void forget(struct hypermin_job *job)
{
	struct hypermin *h = job->h;
	size_t i = 0;

	while (h->jobs.items[i] != job)
		i++;
	h->jobs.items[i] = h->jobs.items[--h->jobs.len];
	note_change(h);
}

/* An image has its own commands, and gets none of the system's. */
static bool can_explain(const struct hypermin_job *job)
{
	const struct hypermin *h = job->h;

	return job->phase == JOB_ENDED && job->result.outcome == HYPERMIN_NOT_FOUND &&
		job->name && !h->session && !h->appliance.image && !h->state;
}

int hypermin_wait(struct hypermin_job *job, struct hypermin_result *ret_result)
{
	struct hypermin *h = job->h;

	pthread_mutex_lock(&h->lock);
	/* Its end is ours, and not hypermin_dispatch()'s. */
	job->ended = NULL;
	while (job->phase == JOB_UNDER_WAY) {
		if (h->is_polled)
			pthread_cond_wait(&h->others, &h->lock);
		else
			turn(h);
	}
	forget(job);
	/* That takes a while. Of an interrupt, others may be in need. */
	if (can_explain(job)) {
		int control_fd = h->jobs.len ? -1 : h->control[0];
		pthread_mutex_unlock(&h->lock);
		handle_explain_missing(h, job->name, control_fd, &job->error);
		pthread_mutex_lock(&h->lock);
	}
	int result = job->phase == JOB_ENDED ? 0 : -1;
	if (result == 0)
		*ret_result = job->result;
	h->error = job->error;
	keep_error(h);
	job_free(job);
	pthread_mutex_unlock(&h->lock);
	return result;
}

int hypermin_exec(struct hypermin *h, const struct hypermin_command *command,
	struct hypermin_result *ret_result)
{
	if (h->vm && h->appliance.own_init && !(command->argv && command->argv[0]))
		return handle_let_go(h, command, ret_result);
	struct hypermin_job *job = hypermin_begin(h, command, NULL, NULL);

	return job ? hypermin_wait(job, ret_result) : -1;
}

void hypermin_signal(struct hypermin_job *job, int signal)
{
	struct hypermin *h = job->h;

	if (signal < 1 || signal > SIGNAL_MAX)
		return;
	pthread_mutex_lock(&h->lock);
	job_signal(job, signal);
	note_change(h);
	pthread_mutex_unlock(&h->lock);
}

void hypermin_give_up(struct hypermin_job *job)
{
	struct hypermin *h = job->h;

	pthread_mutex_lock(&h->lock);
	forget(job);
	job_free(job);
	pthread_mutex_unlock(&h->lock);
}

size_t hypermin_descriptors(
	struct hypermin *h, struct pollfd *ret, size_t max, int *ret_timeout_ms)
{
	pthread_mutex_lock(&h->lock);
	*ret_timeout_ms = list(h);
	h->is_listed = true;
	size_t n = h->polled.len;
	if (max)
		memcpy(ret, h->polled.items, MIN(n, max) * sizeof(*ret));
	pthread_mutex_unlock(&h->lock);
	return n;
}

/* NULL: there is none. */
static struct hypermin_job *find_ended(const struct hypermin *h)
{
	vector_foreach (job, &h->jobs)
		if ((*job)->phase != JOB_UNDER_WAY && (*job)->ended)
			return *job;
	return NULL;
}

int hypermin_dispatch(struct hypermin *h)
{
	struct hypermin_job *job;

	pthread_mutex_lock(&h->lock);
	h->error = (struct error){0};
	if (h->is_polled) {
		error_set(&h->error, EBUSY,
			"dispatch: another thread waits for a command of this handle, and "
			"serves all of them");
		keep_error(h);
		pthread_mutex_unlock(&h->lock);
		return -1;
	}
	h->is_listed = false;
	list(h);
	if (poll(h->polled.items, h->polled.len, 0) >= 0) {
		take_wake(h);
		serve(h);
	} else if (errno != EINTR) {
		fail_all(h, errno);
	}
	while ((job = find_ended(h))) {
		forget(job);
		h->error = job->error;
		keep_error(h);
		pthread_mutex_unlock(&h->lock);
		job->ended(job, job->phase == JOB_ENDED ? &job->result : NULL, job->data);
		job_free(job);
		pthread_mutex_lock(&h->lock);
	}
	keep_error(h);
	pthread_mutex_unlock(&h->lock);
	return 0;
}

/* ---- With the handle ---- */

void handle_init_jobs(struct hypermin *h)
{
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->others, NULL);
	h->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void handle_done_jobs(struct hypermin *h)
{
	vector_foreach (job, &h->jobs)
		job_free(*job);
	vector_done(&h->jobs);
	vector_done(&h->polled);
	vector_foreach (e, &h->errors)
		free(*e);
	vector_done(&h->errors);
	cleanup_close(&h->wake_fd);
	pthread_cond_destroy(&h->others);
	pthread_mutex_destroy(&h->lock);
}
