/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Several commands at once on one handle, and several handles at once, as programs that use the
 * library do it. Says on stderr what is not as hypermin.h has it; api-jobs starts it.
 *
 *	api-jobs [SESSION]		of VMs of its own, or handles of one session
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <hypermin.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS 6
#define ROUNDS	3
#define BYTES	200000

static const char *session;

#define expect(condition, ...)                \
	do {                                  \
		if (!(condition))             \
			errx(1, __VA_ARGS__); \
	} while (0)

static void *start(void *unused)
{
	struct hypermin *h = hypermin_new();

	(void)unused;
	int result = session ? hypermin_open_session(h, session) : hypermin_start(h);

	expect(result == 0, "start: %s", hypermin_error(h));
	return h;
}

static int file_of(const char *bytes, size_t len)
{
	int fd = memfd_create("stream", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) < 0)
		err(1, "make a file");
	return fd;
}

/* A shell's, without streams. */
static struct hypermin_command script(const char *const argv[4])
{
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;

	command.argv = argv;
	command.stdout_fd = -1;
	command.stderr_fd = -1;
	return command;
}

#define SCRIPT(text) script((const char *const[]){"sh", "-c", text, NULL})

static struct hypermin_result execute(struct hypermin *h, struct hypermin_command command)
{
	struct hypermin_result result;

	expect(hypermin_exec(h, &command, &result) == 0, "exec: %s", hypermin_error(h));
	return result;
}

static void wait_for_file(struct hypermin *h, const char *path)
{
	const char *const argv[] = {"test", "-e", path, NULL};
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;

	command.argv = argv;
	while (execute(h, command).status != 0)
		usleep(20000);
}

/* ---- Threads that share a handle ---- */

struct worker {
	struct hypermin *h;
	int number;
	pthread_t thread;
};

/* Each has its own streams and status. */
static void copy(struct worker *w)
{
	static const char text[] = "cat; echo error $0 >&2; exit $0";
	char number[12], *in = malloc(BYTES), *out = malloc(BYTES), error[64] = "";
	const char *const argv[] = {"sh", "-c", text, number, NULL};
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;

	snprintf(number, sizeof(number), "%d", w->number);
	memset(in, 'a' + w->number, BYTES);
	command.argv = argv;
	command.stdin_fd = file_of(in, BYTES);
	command.stdout_fd = file_of("", 0);
	command.stderr_fd = file_of("", 0);
	int status = execute(w->h, command).status;
	expect(status == w->number, "%d has status %d", w->number, status);
	expect(pread(command.stdout_fd, out, BYTES, 0) == BYTES &&
			memcmp(in, out, BYTES) == 0 &&
			lseek(command.stdout_fd, 0, SEEK_END) == BYTES,
		"%d has another output", w->number);
	expect(pread(command.stderr_fd, error, sizeof(error), 0) > 0 &&
			strncmp(error, "error ", 6) == 0 && atoi(error + 6) == w->number,
		"%d has the error '%s'", w->number, error);
	close(command.stdin_fd);
	close(command.stdout_fd);
	close(command.stderr_fd);
	free(in);
	free(out);
}

/* Each has its own error. */
static void miss(struct worker *w)
{
	char name[32];
	const char *const argv[] = {name, NULL};
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;

	snprintf(name, sizeof(name), "no-such-command-%d", w->number);
	command.argv = argv;
	struct hypermin_result result = execute(w->h, command);
	expect(result.outcome == HYPERMIN_NOT_FOUND && strstr(hypermin_error(w->h), name),
		"%s: %s", name, hypermin_error(w->h));
}

/* Each has its own time. */
static void time_out(struct worker *w)
{
	struct hypermin_command command =
		SCRIPT("trap '' TERM; while :; do sleep 0.1; done");

	command.timeout_ms = 300;
	expect(execute(w->h, command).outcome == HYPERMIN_TIMED_OUT, "no time-out");
}

static void *work(void *data)
{
	struct worker *w = data;

	for (int i = 0; i < ROUNDS; i++) {
		if (w->number == 0)
			time_out(w);
		copy(w);
		miss(w);
	}
	return NULL;
}

static void begin_workers(struct worker workers[THREADS], struct hypermin *h)
{
	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.h = h, .number = i};
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
}

static void end_workers(struct worker workers[THREADS])
{
	for (int i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
}

static void *wait_for_job(void *job)
{
	struct hypermin_result *result = calloc(1, sizeof(*result));

	if (hypermin_wait(job, result) < 0)
		result->status = -1;
	return result;
}

/* A signal is for one command, that another thread waits for. */
static void signal_one(struct hypermin *h)
{
	struct hypermin_command command =
		SCRIPT("trap 'exit 9' USR1; >/tmp/traps; while :; do sleep 0.1; done");
	struct hypermin_command other = SCRIPT("sleep 1000");
	struct hypermin_job *job = hypermin_begin(h, &command, NULL, NULL);
	struct hypermin_job *bystander = hypermin_begin(h, &other, NULL, NULL);
	struct hypermin_result *result, killed;
	pthread_t thread;

	expect(job && bystander, "begin: %s", hypermin_error(h));
	pthread_create(&thread, NULL, wait_for_job, job);
	wait_for_file(h, "/tmp/traps");
	hypermin_signal(job, SIGUSR1);
	pthread_join(thread, (void **)&result);
	expect(result->outcome == HYPERMIN_EXITED && result->status == 9,
		"the signal's status is %d", result->status);
	free(result);
	hypermin_signal(bystander, SIGTERM);
	expect(hypermin_wait(bystander, &killed) == 0 && killed.status == 128 + SIGTERM,
		"the other one's status is %d", killed.status);
}

static void *run_stubborn(void *data)
{
	struct worker *w = data;
	char text[100];
	struct hypermin_result result;

	snprintf(text, sizeof(text),
		"trap '' INT; >/tmp/stubborn%d; while :; do sleep 0.1; done", w->number);
	struct hypermin_command command = SCRIPT(text);
	expect(hypermin_exec(w->h, &command, &result) < 0, "an interrupt left status %d",
		result.status);
	expect(hypermin_error_number(w->h) == EINTR, "%s", hypermin_error(w->h));
	return NULL;
}

/* The second interrupt ends all calls under way. The VM is for others. */
static void interrupt_all(struct hypermin *h)
{
	struct worker workers[2];

	for (int i = 0; i < 2; i++) {
		char path[32];
		workers[i] = (struct worker){.h = h, .number = i};
		pthread_create(&workers[i].thread, NULL, run_stubborn, &workers[i]);
		snprintf(path, sizeof(path), "/tmp/stubborn%d", i);
		wait_for_file(h, path);
	}
	hypermin_interrupt(h, SIGINT);
	hypermin_interrupt(h, SIGINT);
	for (int i = 0; i < 2; i++)
		pthread_join(workers[i].thread, NULL);
	expect(execute(h, SCRIPT("exit 4")).status == 4, "it runs no command any more");
}

/* More words than a socket takes at once. */
static void pass_long_words(struct hypermin *h)
{
	enum { WORDS = 8, LENGTH = 100000 };
	const char *argv[4 + WORDS + 1] = {"sh", "-c", "exit $#", "sh"};
	char *word = malloc(LENGTH + 1);
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;

	memset(word, 'w', LENGTH);
	word[LENGTH] = '\0';
	for (int i = 0; i < WORDS; i++)
		argv[4 + i] = word;
	command.argv = argv;
	int status = execute(h, command).status;
	expect(status == WORDS, "%d words have arrived", status);
	free(word);
}

/* ---- One thread with a loop ---- */

#define FDS 64

struct loop {
	struct hypermin *h;
	/* Commands that are to be begun, and that are under way. */
	int left, under_way;
	bool ended[100];
	const char *expected; /* of one that is not found; or of a lost VM */
};

struct item {
	struct loop *loop;
	int number;
};

static void turn(struct loop *l)
{
	struct pollfd fds[FDS];
	int timeout_ms;
	size_t n = hypermin_descriptors(l->h, fds, FDS, &timeout_ms);

	expect(n <= 9 + 3 * (size_t)l->under_way, "%zu descriptors for %d commands", n,
		l->under_way);
	if (poll(fds, n, timeout_ms) < 0 && errno != EINTR)
		err(1, "poll");
	expect(hypermin_dispatch(l->h) == 0, "dispatch: %s", hypermin_error(l->h));
}

static void begin_next(struct loop *l);

static void ended(
	struct hypermin_job *job, const struct hypermin_result *result, void *data)
{
	struct item *item = data;
	struct loop *l = item->loop;

	(void)job;
	expect(result && result->status == item->number, "command %d failed: %s",
		item->number, hypermin_error(l->h));
	expect(!l->ended[item->number], "command %d ended twice", item->number);
	l->ended[item->number] = true;
	l->under_way--;
	free(item);
	/* The VM is at hand in between, also for a call that waits. */
	if (l->left == 10)
		expect(execute(l->h, SCRIPT("exit 3")).status == 3,
			"no command in a loop");
	if (l->left)
		begin_next(l);
}

static void begin_next(struct loop *l)
{
	struct item *item = malloc(sizeof(*item));
	char text[32];

	*item = (struct item){l, l->left--};
	snprintf(text, sizeof(text), "sleep 0.1; exit %d", item->number);
	struct hypermin_command command = SCRIPT(text);
	expect(hypermin_begin(l->h, &command, ended, item), "begin: %s",
		hypermin_error(l->h));
	l->under_way++;
}

/* Five at once, until 20 were run. */
static void run_pool(struct hypermin *h)
{
	struct loop l = {.h = h, .left = 20};

	while (l.under_way < 5)
		begin_next(&l);
	while (l.under_way)
		turn(&l);
	for (int i = 1; i <= 20; i++)
		expect(l.ended[i], "command %d has not ended", i);
}

static void ended_not_found(
	struct hypermin_job *job, const struct hypermin_result *result, void *data)
{
	struct loop *l = data;

	(void)job;
	expect(result && result->outcome == HYPERMIN_NOT_FOUND &&
			strstr(hypermin_error(l->h), l->expected),
		"not found: %s", hypermin_error(l->h));
	l->under_way--;
}

static void ended_in_vain(
	struct hypermin_job *job, const struct hypermin_result *result, void *data)
{
	(void)job;
	(void)result;
	(void)data;
	errx(1, "the end was told of a command that was given up");
}

static void give_up_one(struct hypermin *h)
{
	struct loop l = {.h = h, .expected = "no-such-command", .under_way = 2};
	struct hypermin_command missing = HYPERMIN_COMMAND_INIT;
	struct hypermin_command command = SCRIPT(
		/* The shell says that its child got a signal, to nobody. */
		"trap '' PIPE; trap '>/tmp/hung-up; exit' HUP; >/tmp/waits; "
		"while :; do sleep 0.1; done");
	struct hypermin_job *job = hypermin_begin(h, &command, ended_in_vain, NULL);

	missing.argv = (const char *const[]){"no-such-command", NULL};
	expect(job && hypermin_begin(h, &missing, ended_not_found, &l), "begin: %s",
		hypermin_error(h));
	while (l.under_way == 2)
		turn(&l);
	wait_for_file(h, "/tmp/waits");
	hypermin_give_up(job);
	wait_for_file(h, "/tmp/hung-up");
}

/* Another thread gives the loop something to do. */
static void *begin_from_outside(void *data)
{
	struct loop *l = data;
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;

	usleep(200000);
	command.argv = (const char *const[]){"no-such-command", NULL};
	expect(hypermin_begin(l->h, &command, ended_not_found, l), "begin: %s",
		hypermin_error(l->h));
	return NULL;
}

static void begin_in_another_thread(struct hypermin *h)
{
	struct loop l = {.h = h, .expected = "no-such-command", .under_way = 1};
	pthread_t thread;

	pthread_create(&thread, NULL, begin_from_outside, &l);
	while (l.under_way)
		turn(&l);
	pthread_join(thread, NULL);
}

static void ended_lost(
	struct hypermin_job *job, const struct hypermin_result *result, void *data)
{
	struct loop *l = data;

	(void)job;
	expect(!result && *hypermin_error(l->h), "a lost VM's command has a result");
	l->under_way--;
}

/* What a command has said before is its caller's all the same. */
static void lose_vm(struct hypermin *h)
{
	struct loop l = {.h = h, .under_way = 3};
	struct hypermin_command command = SCRIPT("sleep 1000");
	struct hypermin_command end =
		SCRIPT("echo last words; echo b >/proc/sysrq-trigger; sleep 1000");
	char words[20] = "";

	end.stdout_fd = file_of("", 0);
	for (int i = 0; i < 2; i++)
		expect(hypermin_begin(h, &command, ended_lost, &l), "begin: %s",
			hypermin_error(h));
	expect(hypermin_begin(h, &end, ended_lost, &l), "begin: %s", hypermin_error(h));
	while (l.under_way)
		turn(&l);
	expect(pread(end.stdout_fd, words, sizeof(words), 0) == 11 &&
			strcmp(words, "last words\n") == 0,
		"the last words are '%s'", words);
	expect(!hypermin_begin(h, &command, ended_lost, &l) && *hypermin_error(h),
		"a command was begun in a VM that is lost");
}

/* A command ends with its VM, and can still be waited for. */
static void stop_under_way(struct hypermin *h)
{
	struct hypermin_command command = SCRIPT("sleep 1000");
	struct hypermin_job *job = hypermin_begin(h, &command, NULL, NULL);
	struct hypermin_result result;

	expect(job, "begin: %s", hypermin_error(h));
	expect(execute(h, SCRIPT("exit 6")).status == 6, "both VMs are lost");
	expect(hypermin_stop(h) == 0, "stop: %s", hypermin_error(h));
	expect(hypermin_wait(job, &result) < 0 && *hypermin_error(h),
		"a command has a status of a VM that was killed");
}

int main(int argc, char **argv)
{
	struct worker of_first[THREADS], of_second[THREADS];

	struct hypermin *first, *second;
	pthread_t starter;

	session = argc > 1 ? argv[1] : NULL;
	pthread_create(&starter, NULL, start, NULL);
	first = start(NULL);
	pthread_join(starter, (void **)&second);
	begin_workers(of_first, first);
	begin_workers(of_second, second);
	end_workers(of_first);
	end_workers(of_second);
	signal_one(first);
	pass_long_words(first);
	interrupt_all(first);
	run_pool(first);
	give_up_one(first);
	begin_in_another_thread(first);
	lose_vm(first);
	hypermin_free(first);
	if (!session)
		stop_under_way(second);
	hypermin_free(second);
	return 0;
}
