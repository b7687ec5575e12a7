/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One VM's life: launch, commands, stop. start.c chooses how it is launched. */
#include "vm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "vm/machine.h"
#include "vm/measure.h"
#include "vm/profile.h"
#include "vm/snapshot.h"
#include "vm/state.h"

#define QUIT_MS 5000

static void log_text_line(const char *line, const char *name)
{
	log_debug("%s: %s", name, line);
}

static struct vm *vm_new(const struct vm_config *config)
{
	struct vm *vm = xcalloc(1, sizeof(*vm));

	vm->agent_fd = vm->qmp_fd = vm->console_fd = vm->messages_fd = -1;
	vm->control_fd = config->control_fd;
	vm->timeline = config->timeline;
	vm->state_fd = config->record ? config->record->state_fd : -1;
	vm->placeholders = machine_disks(config) - config->n_disks;
	vm->silence_ms = config->silence_timeout_ms;
	vm->agent = agent_new(&vm_agent_handler, vm);
	vm->started_ms = vm->heard_ms = io_now_ms();
	if (log_max_level() >= LOG_LEVEL_DEBUG) {
		vm->console.on_line = vm->messages.on_line = log_text_line;
		vm->console.name = "console";
		vm->messages.name = "qemu";
	}
	return vm;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void vm_free(struct vm *vm)
{
	if (!vm)
		return;
	supervise_kill(&vm->qemu);
	close_fd(&vm->agent_fd);
	close_fd(&vm->qmp_fd);
	close_fd(&vm->console_fd);
	close_fd(&vm->messages_fd);
	agent_free(vm->agent);
	console_done(&vm->console);
	console_done(&vm->messages);
	strbuf_done(&vm->stats);
	vector_done(&vm->boot_events);
	strbuf_done(&vm->qmp);
	free(vm->identity);
	free(vm->devices);
	free(vm);
}

/* ---- Launch ---- */

/* Our end, and qemu's in *ret_far. */
static int open_channel(int *ret_far)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	*ret_far = fds[1];
	return fds[0];
}

static void log_argv(const struct strvec *argv)
{
	CLEANUP_STRBUF struct strbuf sb = {0};

	if (log_max_level() < LOG_LEVEL_DEBUG)
		return;
	vector_foreach (arg, argv)
		strbuf_addf(&sb, strpbrk(*arg, " \"'{") ? " '%s'" : " %s", *arg);
	log_debug("qemu command line:%s", sb.data);
}

/* The memory's file, and for a VM that resumes its state. */
static size_t add_snapshot_fds(
	const struct vm_config *config, const struct vm_snapshot *resume, int *pass)
{
	if (resume) {
		pass[0] = resume->ram_fd;
		pass[1] = resume->state_fd;
		return 2;
	}
	if (config->record)
		pass[0] = config->record->ram_fd;
	return config->record ? 1 : 0;
}

static int launch(struct vm *vm, const struct vm_config *config,
	const struct profile *profile, const struct vm_snapshot *resume,
	struct error *err)
{
	CLEANUP_STRVEC struct strvec argv = {0};
	CLEANUP_CLOSE int agent_far = -1, qmp_far = -1, console_far = -1,
			  messages_far = -1;

	/* What fails before qemu runs, fails in any way of starting it. */
	vm->hopeless = true;
	vm->agent_fd = open_channel(&agent_far);
	vm->qmp_fd = open_channel(&qmp_far);
	vm->console_fd = open_channel(&console_far);
	vm->messages_fd = open_channel(&messages_far);
	if (vm->agent_fd < 0 || vm->qmp_fd < 0 || vm->console_fd < 0 ||
		vm->messages_fd < 0)
		return error_set(err, errno, "create the VM's channels");

	const struct machine_fds fds = {agent_far, qmp_far, console_far};
	int pass[5] = {agent_far, qmp_far, console_far};
	size_t n_pass = 3 + add_snapshot_fds(config, resume, pass + 3);
	if (resume)
		machine_resume_argv(config, profile, &fds, resume, &argv);
	else
		machine_argv(config, profile, &fds, &argv);
	log_argv(&argv);
	if (supervise_start(
		    &vm->qemu, strvec_argv(&argv), messages_far, pass, n_pass, err) < 0)
		return -1;
	vm->hopeless = false;
	return 0;
}

static void note_boot(
	struct vm *vm, const struct vm_config *config, int64_t started_us, bool success)
{
	if (!vm->timeline)
		return;
	if (!success) {
		timeline_add(
			vm->timeline, LANE_MACHINE, "a start that failed", started_us);
		return;
	}
	timeline_add_guest(vm->timeline, started_us, vm->spoke_us, vm->boot_events.items,
		vm->boot_events.len);
	int64_t begin = timeline_now();
	measure_boot(vm, config);
	timeline_add(vm->timeline, LANE_HOST, "measure for this chart", begin);
}

int vm_boot(const struct vm_config *config, const struct profile *profile,
	int64_t deadline_ms, struct vm **ret, struct error *err)
{
	struct vm *vm = *ret = vm_new(config);
	int64_t started_us = timeline_now();

	if (launch(vm, config, profile, NULL, err) < 0)
		return -1;
	int result = loop_until(vm, &vm->ready, deadline_ms, err);
	if (result > 0)
		failure_set(vm, err, ETIMEDOUT,
			"the guest's agent did not answer within %lld seconds",
			(long long)(io_now_ms() - vm->started_ms) / 1000);
	note_boot(vm, config, started_us, result == 0);
	return result == 0 ? 0 : -1;
}

static int64_t realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* The guest goes on: make it a machine of its own. */
static int renew(struct vm *vm, const struct vm_config *config, int64_t deadline_ms,
	struct error *err)
{
	uint8_t seed[RESUME_SEED_SIZE];

	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return error_set(err, errno, "get random numbers for the guest");
	agent_resume(vm->agent, realtime_ns(), machine_disks(config), seed);
	return loop_until(vm, &vm->resumed, deadline_ms, err);
}

int vm_resume(const struct vm_config *config, const struct profile *profile,
	const struct vm_snapshot *snapshot, int64_t deadline_ms, struct vm **ret,
	struct error *err)
{
	struct vm *vm = *ret = vm_new(config);

	if (launch(vm, config, profile, snapshot, err) < 0 ||
		snapshot_ask_resume(vm, snapshot->state_fd, err) < 0)
		return -1;
	int result = loop_until(vm, &vm->loaded, deadline_ms, err);
	if (result == 0 && *vm->fatal)
		return failure_set(vm, err, 0, "%s", vm->fatal);
	if (result == 0)
		result = renew(vm, config, deadline_ms, err);
	if (result > 0)
		failure_set(vm, err, ETIMEDOUT, "the guest did not go on within %lld ms",
			(long long)(io_now_ms() - vm->started_ms));
	return result == 0 ? 0 : -1;
}

bool vm_is_resumed(const struct vm *vm)
{
	return vm->resumed;
}

const char *vm_identity(const struct vm *vm)
{
	return vm->identity;
}

/* ---- Commands ---- */

static void add_terminal(struct agent_command *agent, int stdout_fd)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};

	ioctl(stdout_fd, TIOCGWINSZ, &size);
	agent->rows = size.ws_row;
	agent->columns = size.ws_col;
}

/* What has come of the output is the caller's, even if the VM was lost. But after an
 * interrupt, or when its time was over, nothing waits for who does not read it. */
static int flush_output(struct vm *vm, int result, struct error *err)
{
	struct error ignored;

	if (result == 0 && !vm->dead)
		return loop_flush_output(vm, err);
	if (result < 0 && err->num != EINTR)
		loop_flush_output(vm, &ignored);
	return result;
}

/* The first command is what the start was for. */
static void note_command(struct vm *vm, const struct vm_exec *exec)
{
	struct timeline *t = vm->timeline;

	timeline_add_between(
		t, LANE_COMMAND, "start the command", exec->sent_us, exec->started_us);
	timeline_add(t, LANE_COMMAND, exec->command->agent.argv[0], exec->started_us);
	if (!t->command_start)
		t->command_start = exec->started_us - t->origin;
	measure_end(vm);
}

static int exec_in(struct vm *vm, struct vm_exec *exec, struct error *err)
{
	struct agent_command agent = exec->command->agent;

	agent.stdin_closed = exec->streams.stdin_fd < 0;
	if (agent.terminal) {
		add_terminal(&agent, exec->command->stdout_fd);
		if (streams_set_raw(&exec->streams, exec->command->stdin_fd, err) < 0)
			return -1;
	}
	/* A guest that boots has read whole seconds off a clock, and one that goes on was
	 * told the time while it woke up. Later the clock is its own. */
	if (!vm->has_run)
		agent_set_clock(vm->agent, realtime_ns());
	vm->has_run = true;
	if (agent_exec(vm->agent, &agent, err) < 0)
		return -1;
	if (exec->command->timeout_ms)
		exec->deadline_ms = io_now_ms() + exec->command->timeout_ms;
	exec->sent_us = timeline_now();
	int result = loop_until(vm, &exec->done, 0, err);
	if (result == 0 && vm->timeline && exec->started_us)
		note_command(vm, exec);
	return flush_output(vm, result, err);
}

int vm_exec(struct vm *vm, const struct vm_command *command, struct hypermin_result *ret,
	struct error *err)
{
	struct vm_exec exec = {.command = command, .start_error = err};

	if (vm->dead)
		return error_set(err, ESRCH, "run a command: the VM has ended");
	streams_init(
		&exec.streams, command->stdin_fd, command->stdout_fd, command->stderr_fd);
	vm->exec = &exec;
	int result = exec_in(vm, &exec, err);
	vm->exec = NULL;
	streams_done(&exec.streams);
	if (result < 0)
		return -1;
	*ret = exec.result;
	return 0;
}

int vm_block_devices(struct vm *vm, struct agent_block_device **ret, size_t *ret_len,
	struct error *err)
{
	if (vm->dead)
		return error_set(err, ESRCH, "list block devices: the VM has ended");
	vm->devices_listed = false;
	agent_list_block_devices(vm->agent);
	if (loop_until(vm, &vm->devices_listed, 0, err) < 0)
		return -1;
	*ret = TAKE_PTR(vm->devices);
	*ret_len = vm->n_devices;
	return 0;
}

void vm_ask_qemu_to_end(struct vm *vm)
{
	static const char quit_command[] =
		"{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"quit\"}\n";

	ssize_t sent =
		send(vm->qmp_fd, quit_command, sizeof(quit_command) - 1, MSG_NOSIGNAL);
	if (sent < 0)
		log_debug("ask qemu to end: %s", strerror(errno));
}

static int quit(struct vm *vm, struct error *err)
{
	/* A guest that has stopped ends by itself, too, if it takes us long. */
	vm_ask_qemu_to_end(vm);
	int64_t end = io_now_ms() + QUIT_MS;
	struct pollfd pfd = {vm->qemu.status_fd, POLLIN, 0};
	while (poll(&pfd, 1, MAX(0, end - io_now_ms())) < 0 && errno == EINTR)
		;
	if (!pfd.revents)
		return failure_set(vm, err, ETIMEDOUT, "qemu did not end when asked to");
	struct ended ended = supervise_wait(&vm->qemu);
	if (ended.how != ENDED_EXITED || ended.value != 0)
		return failure_set(vm, err, EIO, "qemu failed when it was asked to end");
	return 0;
}

int vm_stop(struct vm *vm, struct error *err)
{
	if (vm->dead)
		return error_set(err, ESRCH, "stop the VM: it has ended");
	agent_stop(vm->agent);
	/* It takes as long as its disks need, and answers meanwhile. */
	if (loop_until(vm, &vm->stopped, 0, err) < 0)
		return error_prefix(err, "stop the VM");
	int result = quit(vm, err);
	vm->dead = true;
	return result;
}

/* ---- qemu ---- */

static char *find_in_path(const char *program)
{
	const char *path = getenv("PATH");
	CLEANUP_FREE char *copy = xstrdup(path && *path ? path : "/usr/bin:/bin");
	char *rest = copy;

	for (char *dir; (dir = strsep(&rest, ":"));) {
		CLEANUP_FREE char *file = xasprintf("%s/%s", *dir ? dir : ".", program);
		if (access(file, X_OK) == 0)
			return TAKE_PTR(file);
	}
	return NULL;
}

char *vm_find_qemu(const struct architecture *architecture, struct error *err)
{
	/* For the host's own architecture alone. */
	static const char *const elsewhere[] = {
		"/usr/libexec/qemu-kvm", "/usr/bin/qemu-kvm"};
	const struct processor *processor = processor_find(architecture->name);
	const char *named = secure_getenv("HYPERMIN_QEMU");

	if (named && *named) {
		if (access(named, X_OK) < 0)
			return error_null(err, errno, "use HYPERMIN_QEMU='%s'", named);
		return xstrdup(named);
	}
	char *found = find_in_path(processor->qemu);
	if (found)
		return found;
	for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
		if (architecture_is_host(architecture) && access(elsewhere[i], X_OK) == 0)
			return xstrdup(elsewhere[i]);
	return error_null(err, 0,
		"find qemu: no %s in PATH; install it (%s) or name one in HYPERMIN_QEMU",
		processor->qemu, processor->qemu_packages);
}
