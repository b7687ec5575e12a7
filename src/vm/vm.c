/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One VM's life: launch, commands, stop. start.c chooses how it is launched. */
#include "vm/vm.h"
#include "base/program.h"
#include "base/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "base/path.h"
#include "vm/confinement.h"
#include "vm/machine.h"
#include "vm/measure.h"
#include "vm/network.h"
#include "vm/profile.h"
#include "vm/served.h"
#include "vm/share.h"
#include "vm/snapshot.h"
#include "vm/state.h"

#define QUIT_MS 5000
/* The directories may be on a slow file system. */
#define ATTACH_MS 60000

static void log_text_line(const char *line, const char *name)
{
	log_debug("%s: %s", name, line);
}

/* qemu and the servers have one channel for their messages. */
static void log_message(const char *line, const char *name)
{
	if (!served_log(line))
		log_text_line(line, name);
}

static void print_console_line(const char *line, const char *name)
{
	(void)name;
	/* The terminal may be in raw mode. */
	dprintf(STDERR_FILENO, "%s%s\n", line, isatty(STDERR_FILENO) ? "\r" : "");
}

static struct vm *vm_new(const struct vm_config *config, const struct profile *profile)
{
	struct vm *vm = xcalloc(1, sizeof(*vm));

	vm->guest.fd = vm->console.fd = vm->messages.fd = -1;
	qmp_init(&vm->qmp, -1, vm_on_qmp, vm);
	vm->control_fd = config->control_fd;
	vm->owner_fd = -1;
	vm->timeline = config->timeline;
	vm->state_fd = config->record ? config->record->state_fd : -1;
	vm->placeholders = machine_disks(config) - config->n_disks;
	vm->guest.silence_ms = config->silence_timeout_ms;
	vm->profile = *profile;
	vm->hold = config->hold ? xstrdup(config->hold) : NULL;
	vm->may_be_copied = config->lasting &&
		profile->machine->transport == TRANSPORT_PCI &&
		!profile->root_bus->no_snapshots;
	vm->guest.agent = agent_new(&vm_agent_handler, vm);
	vm->started_ms = vm->guest.heard_ms = monotonic_ms();
	vm->messages.text.on_line = log_message;
	vm->messages.text.name = "qemu";
	if (log_max_level() >= LOG_LEVEL_DEBUG) {
		vm->console.text.on_line = log_text_line;
		vm->console.text.name = "console";
	}
	if (config->console)
		vm->console.text.on_line = print_console_line;
	return vm;
}

static void text_channel_done(struct text_channel *channel)
{
	if (channel->fd >= 0)
		close(channel->fd);
	console_done(&channel->text);
}

void vm_free(struct vm *vm)
{
	if (!vm)
		return;
	child_kill(&vm->qemu);
	child_kill(&vm->share_server);
	for (size_t i = 0; i < vm->n_disk_servers; i++)
		child_kill(&vm->disk_servers[i]);
	free(vm->disk_servers);
	qmp_done(&vm->qmp);
	free(vm->qmp_wait.refusal);
	if (vm->guest.fd >= 0)
		close(vm->guest.fd);
	while (vm->execs.len > 0)
		vm_exec_free(vm->execs.items[0]);
	vector_done(&vm->execs);
	vector_done(&vm->polled);
	agent_free(vm->guest.agent);
	vector_done(&vm->guest.boot_events);
	free(vm->guest.devices);
	text_channel_done(&vm->console);
	text_channel_done(&vm->messages);
	disk_locks_done(vm->locks, vm->n_locks);
	free(vm->locks);
	free(vm->identity);
	free(vm->hold);
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

static int lock_disks(struct vm *vm, const struct vm_config *config, struct error *err)
{
	vm->locks = xcalloc(config->n_disks, sizeof(vm->locks[0]));
	if (disk_locks_take(config->disks, config->n_disks, vm->locks, err) < 0)
		return -1;
	vm->n_locks = config->n_disks;
	return 0;
}

static void close_all(int (*fds)[VM_MAX_DISKS])
{
	for (size_t i = 0; i < VM_MAX_DISKS; i++)
		cleanup_close(&(*fds)[i]);
}

/* A server for each disk that is a share; *ret are qemu's ends of their sockets. */
static int serve_disks(struct vm *vm, const struct vm_config *config, int messages_fd,
	int (*ret)[VM_MAX_DISKS], struct error *err)
{
	vm->disk_servers = xcalloc(config->n_disks, sizeof(vm->disk_servers[0]));
	for (size_t i = 0; i < config->n_disks; i++) {
		const struct vm_share *share = config->disks[i].share;
		if (!share)
			continue;
		if (served_start(config, share, messages_fd,
			    &vm->disk_servers[vm->n_disk_servers], &(*ret)[i], err) < 0)
			return -1;
		vm->n_disk_servers++;
	}
	return 0;
}

/* With names by which qemu gets at the files that are open, until `parts` ends. */
static struct vm_config open_parts_of(
	const struct vm_config *config, struct fd_path parts[VM_PARTS])
{
	struct vm_config opened = *config;

	/* It may be that /proc is not mounted. */
	if (!config->part_fds || access("/proc/self/fd", X_OK) < 0)
		return opened;
	for (size_t i = 0; i < VM_PARTS; i++)
		parts[i] = fd_path(config->part_fds[i]);
	opened.kernel = parts[VM_KERNEL].text;
	opened.initrd = parts[VM_INITRD].text;
	opened.root = parts[VM_ROOT].text;
	return opened;
}

static int launch(struct vm *vm, const struct vm_config *config,
	const struct profile *profile, const struct vm_snapshot *resume,
	struct error *err)
{
	CLEANUP_STRVEC struct strvec argv = {0};
	CLEANUP_CLOSE int agent_far = -1, qmp_far = -1, console_far = -1,
			  messages_far = -1, share_far = -1;
	CLEANUP(close_all) int disks_far[VM_MAX_DISKS];

	memset(disks_far, -1, sizeof(disks_far));

	vm->guest.fd = open_channel(&agent_far);
	vm->qmp.fd = open_channel(&qmp_far);
	vm->console.fd = open_channel(&console_far);
	vm->messages.fd = open_channel(&messages_far);
	if (vm->guest.fd < 0 || vm->qmp.fd < 0 || vm->console.fd < 0 ||
		vm->messages.fd < 0)
		return error_set(err, errno, "create the VM's channels");
	if (lock_disks(vm, config, err) < 0)
		return -1;

	if (vm_shares_need_server(config) &&
		vm_shares_serve(
			config, messages_far, &vm->share_server, &share_far, err) < 0)
		return -1;
	if (serve_disks(vm, config, messages_far, &disks_far, err) < 0)
		return -1;

	const struct machine_fds fds = {
		agent_far, qmp_far, console_far, share_far, disks_far};
	struct fd_path parts[VM_PARTS];
	const struct vm_config opened = open_parts_of(config, parts);
	int pass[VM_MAX_DISKS + 7 + VM_PARTS] = {agent_far, qmp_far, console_far};
	size_t n_pass = 3;
	if (share_far >= 0)
		pass[n_pass++] = share_far;
	for (size_t i = 0; i < vm->n_locks; i++)
		pass[n_pass++] = disks_far[i] >= 0 ? disks_far[i] : vm->locks[i].fd;
	const struct vm_snapshot *files = resume ? resume : config->record;
	if (files)
		pass[n_pass++] = files->ram_fd;
	if (resume) {
		pass[n_pass++] = resume->state_fd;
		if (resume->is_checkpoint && resume->root_fd >= 0)
			pass[n_pass++] = resume->root_fd;
		machine_resume_argv(&opened, profile, &fds, resume, &argv);
	} else {
		machine_argv(&opened, profile, &fds, &argv);
	}
	for (size_t i = 0; config->part_fds && i < VM_PARTS; i++)
		pass[n_pass++] = config->part_fds[i];
	log_argv(&argv);
	vm->qemu = (struct child){
		.argv = strvec_argv(&argv),
		.output_fd = messages_far,
		.pass = pass,
		.n_pass = n_pass,
		.shielded = true,
	};
	CLEANUP_CONFINE struct confine confine = {0};
	confinement_of_qemu(config, profile, files ? files->ram_fd : -1, &confine);
	confine_child(&confine, &vm->qemu);
	if (child_start(&vm->qemu, err) < 0)
		return -1;
	return confine_confirm(&confine, err);
}

/* What can be waited for. */
static bool is_up(const struct vm *vm)
{
	return vm->phase == PHASE_UP;
}

static bool is_loaded(const struct vm *vm)
{
	return vm->phase == PHASE_LOADED;
}

static bool is_running(const struct vm *vm)
{
	return vm->phase == PHASE_RESUMING;
}

static bool has_listed(const struct vm *vm)
{
	return vm->guest.has_listed;
}

static bool is_stopped(const struct vm *vm)
{
	return vm->phase == PHASE_STOPPED;
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
	timeline_add_guest(vm->timeline, started_us, vm->guest.spoke_us,
		vm->guest.boot_events.items, vm->guest.boot_events.len);
	int64_t begin = monotonic_us();
	measure_boot(vm, config);
	timeline_add(vm->timeline, LANE_HOST, "measure for this chart", begin);
}

/* The VM, if it runs; else it is freed. */
static enum vm_loss hand_out(struct vm *vm, int result, struct vm **ret)
{
	/* No loss is set if a step of our own failed, before qemu ran: no descriptor was
	 * free, say, or a disk is locked. With another profile it would fail too, so there
	 * is no other try. */
	enum vm_loss loss = result == 0 ? LOSS_NONE : vm->loss ? vm->loss : LOSS_FINAL;

	if (result == 0)
		*ret = vm;
	else
		vm_free(vm);
	return loss;
}

static bool is_attached(const struct vm *vm)
{
	return !vm->guest.is_attaching;
}

static enum loop_end wait_attached(struct vm *vm, struct error *err)
{
	enum loop_end end = loop_until(vm, is_attached, monotonic_ms() + ATTACH_MS, err);

	if (end == LOOP_TIME_OVER)
		return failure_set(vm, LOSS_FINAL, err, ETIMEDOUT,
			"the guest did not get its disks, network and directories within "
			"%d seconds",
			ATTACH_MS / 1000);
	return end;
}

/* Tell the guest what its machine has, beyond the disks that it finds by itself. */
static int ask_attach(struct vm *vm, const struct vm_network *network,
	const struct vm_share *shares, size_t n_shares, size_t n_new_disks,
	struct error *err)
{
	CLEANUP_FREE char *hosts = NULL;
	struct agent_share for_guest[VM_MAX_SHARES];
	struct agent_network addresses;
	struct agent_attachments what = {
		.shares = for_guest, .n_shares = n_shares, .n_disks = n_new_disks};

	if (!network && !n_shares && !n_new_disks)
		return 0;
	if (network) {
		addresses = vm_network_for_guest(network, &hosts);
		what.network = &addresses;
	}
	for (size_t i = 0; i < n_shares; i++)
		for_guest[i] = (struct agent_share){shares[i].mode, shares[i].place};
	vm->guest.is_attaching = true;
	return agent_attach(vm->guest.agent, &what, err);
}

enum vm_loss vm_boot(const struct vm_config *config, const struct profile *profile,
	int64_t deadline_ms, struct vm **ret, struct error *err)
{
	struct vm *vm = vm_new(config, profile);
	int64_t started_us = monotonic_us();

	if (launch(vm, config, profile, NULL, err) < 0)
		return hand_out(vm, -1, ret);
	if (config->own_init && !config->hold) {
		vm->phase = PHASE_LET_GO;
		return hand_out(vm, 0, ret);
	}
	enum loop_end end = loop_until(vm, is_up, deadline_ms, err);
	if (end == LOOP_TIME_OVER)
		failure_set(vm, LOSS_GUEST, err, ETIMEDOUT,
			"the guest's agent did not answer within %lld seconds",
			(long long)(monotonic_ms() - vm->started_ms) / 1000);
	note_boot(vm, config, started_us, end == LOOP_DONE);
	if (end == LOOP_DONE)
		end = ask_attach(vm, config->network, config->shares, config->n_shares, 0,
			      err) < 0
			? LOOP_LOST
			: wait_attached(vm, err);
	return hand_out(vm, end == LOOP_DONE ? 0 : -1, ret);
}

/* Afterwards the guest runs, or if it stood still it still does. */
static enum loop_end load(struct vm *vm, const struct vm_snapshot *snapshot,
	bool stands_still, int64_t deadline_ms, struct error *err)
{
	if (snapshot_ask_load(vm, snapshot, stands_still, err) < 0)
		return failure_set(vm, LOSS_GUEST, err, err->num, "%-s", err->msg);
	return loop_until(vm, stands_still ? is_loaded : is_running, deadline_ms, err);
}

static enum loop_end load_and_resume(struct vm *vm, const struct vm_config *config,
	const struct vm_snapshot *snapshot, int64_t deadline_ms, struct error *err)
{
	uint8_t seed[RESUME_SEED_SIZE];
	/* The guest has these already. */
	size_t n_own = config->saved ? config->saved->n_disks : 0;

	enum loop_end end = load(vm, snapshot, config->saved, deadline_ms, err);
	if (end == LOOP_DONE && config->saved) {
		if (snapshot_ask_run(vm, err) < 0)
			return LOOP_LOST;
		end = loop_until(vm, is_running, deadline_ms, err);
	}
	if (end != LOOP_DONE)
		return end;
	/* The guest resumes: make it a machine of its own. */
	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return error_set(err, errno, "get random numbers for the guest");
	struct resume_request request = {.realtime_ns = vm_realtime_ns(),
		.disks = machine_disks(config) - n_own,
		.seed = seed};
	strcpy(request.timezone, config->timezone);
	agent_resume(vm->guest.agent, &request);
	if (ask_attach(vm, config->network, config->shares, config->n_shares, 0, err) < 0)
		return LOOP_LOST;
	end = loop_until(vm, is_up, deadline_ms, err);
	return end == LOOP_DONE ? wait_attached(vm, err) : end;
}

enum vm_loss vm_resume(const struct vm_config *config, const struct profile *profile,
	const struct vm_snapshot *snapshot, int64_t deadline_ms, struct vm **ret,
	struct error *err)
{
	struct vm *vm = vm_new(config, profile);

	vm->is_resumed = true;
	if (launch(vm, config, profile, snapshot, err) < 0)
		return hand_out(vm, -1, ret);
	enum loop_end end = load_and_resume(vm, config, snapshot, deadline_ms, err);
	if (end == LOOP_TIME_OVER)
		failure_set(vm, LOSS_GUEST, err, ETIMEDOUT,
			"the guest did not resume within %lld ms",
			(long long)(monotonic_ms() - vm->started_ms));
	return hand_out(vm, end == LOOP_DONE ? 0 : -1, ret);
}

enum vm_loss vm_rewrite(const struct vm_config *config, const struct profile *profile,
	int checkpoint_fd, int64_t deadline_ms, struct error *err)
{
	CLEANUP_CLOSE int root = file_in_memory("root", config->root_size, err);
	const struct vm_snapshot from = {config->record->ram_fd, checkpoint_fd,
		.is_checkpoint = true,
		.root_fd = profile->root_bus->in_memory ? root : -1};

	if (root < 0)
		return LOSS_FINAL;
	struct vm *vm = vm_new(config, profile), *ignored;

	if (launch(vm, config, profile, &from, err) < 0)
		return hand_out(vm, -1, &ignored);
	enum loop_end end = load(vm, &from, true, deadline_ms, err);
	if (end == LOOP_TIME_OVER)
		failure_set(vm, LOSS_GUEST, err, ETIMEDOUT,
			"qemu did not read what was written down");
	int result = end == LOOP_DONE ? snapshot_write(vm, err) : -1;
	enum vm_loss loss = result == 0 ? LOSS_NONE : vm->loss ? vm->loss : LOSS_FINAL;
	vm_free(vm);
	return loss;
}

/* ---- Waiting ---- */

int vm_pause(struct vm *vm, struct error *err)
{
	if (loop_order(vm, "stop", NULL, -1, err) < 0)
		return failure_set(vm, LOSS_GUEST, err, err->num, "%-s", err->msg);
	vm->phase = PHASE_FROZEN;
	return 0;
}

int vm_wake(struct vm *vm, const struct vm_gift *gift, struct error *err)
{
	if (plug_disks(vm, gift->disks, gift->n_disks, err) < 0 ||
		checkpoint_go_on(vm, err) < 0)
		return -1;
	if (gift->n_shares && plug_port(vm, SHARE_CHARDEV, gift->share_fd, err) < 0)
		return error_prefix(err, "attach directories");
	agent_set_clock(vm->guest.agent, vm_realtime_ns());
	if (ask_attach(vm, NULL, gift->shares, gift->n_shares, gift->n_disks, err) < 0)
		return -1;
	return wait_attached(vm, err) == LOOP_DONE ? 0 : -1;
}

/* ---- What it is ---- */

bool vm_is_resumed(const struct vm *vm)
{
	return vm->is_resumed;
}

bool vm_is_running(const struct vm *vm)
{
	return vm->phase == PHASE_UP;
}

bool vm_is_over(const struct vm *vm)
{
	return vm->phase == PHASE_OVER;
}

pid_t vm_process(const struct vm *vm)
{
	return vm->qemu.pid;
}

const char *vm_qemu_version(const struct vm *vm)
{
	return vm->qmp.version;
}

struct vm_run vm_ran_as(const struct vm *vm)
{
	return (struct vm_run){vm->profile.kvm, vm->profile.plain};
}

const char *vm_identity(const struct vm *vm)
{
	return vm->identity;
}

/* ---- Once it is up ---- */

int vm_block_devices(struct vm *vm, struct agent_block_device **ret, size_t *ret_len,
	struct error *err)
{
	if (vm->phase != PHASE_UP)
		return error_set(err, ESRCH, "list block devices: the VM has ended");
	vm->guest.has_listed = false;
	agent_list_block_devices(vm->guest.agent);
	if (loop_until(vm, has_listed, 0, err) < 0)
		return -1;
	*ret = TAKE_PTR(vm->guest.devices);
	*ret_len = vm->guest.n_devices;
	return 0;
}

static int quit(struct vm *vm, struct error *err)
{
	struct pollfd pfd = {vm->qemu.status_fd, POLLIN, 0};
	int64_t end = monotonic_ms() + QUIT_MS, left = QUIT_MS;

	/* It writes out what its block layer holds. A guest that has stopped may end by
	 * itself before. */
	if (qmp_execute(&vm->qmp, "quit", NULL, -1, err) < 0)
		log_debug("%-s", err->msg);
	while (left > 0 && poll(&pfd, 1, left) < 0 && errno == EINTR)
		left = end - monotonic_ms();
	if (!pfd.revents)
		return failure_set(
			vm, LOSS_FINAL, err, ETIMEDOUT, "qemu did not end when asked to");
	struct ended ended = child_wait(&vm->qemu);
	if (ended.how != ENDED_EXITED || ended.value != 0)
		return failure_set(
			vm, LOSS_FINAL, err, EIO, "qemu failed when it was asked to end");
	failure_end(vm, LOSS_FINAL);
	return 0;
}

/* A guest that only says that it is alive is stopped for ever. But slow disks may take minutes,
 * and what is not written by then is lost. 0: there is no deadline. */
static int64_t stop_deadline(const struct vm *vm, int64_t time_over_ms)
{
	if (!time_over_ms)
		return 0;
	return MAX(time_over_ms, monotonic_ms()) +
		(int64_t)vm->guest.silence_ms * VM_STOP_PATIENCE;
}

int vm_stop(struct vm *vm, int64_t time_over_ms, struct error *err)
{
	int64_t began_ms = monotonic_ms();

	if (vm->phase != PHASE_UP)
		return error_set(err, ESRCH, "stop the VM: it has ended");
	agent_stop(vm->guest.agent);
	/* It takes as long as its disks need, and answers meanwhile. */
	enum loop_end end =
		loop_until(vm, is_stopped, stop_deadline(vm, time_over_ms), err);
	if (end == LOOP_TIME_OVER)
		return failure_set(vm, LOSS_FINAL, err, ETIMEDOUT,
			"stop the VM: the guest has not written out its disks within %lld "
			"seconds, and what is not written is lost",
			(long long)(monotonic_ms() - began_ms) / 1000);
	if (end == LOOP_LOST)
		return error_prefix(err, "stop the VM");
	return quit(vm, err);
}

char *vm_console_tail(const struct vm *vm, unsigned lines)
{
	return console_tail(&vm->console.text, lines, "");
}

void vm_kill(struct vm *vm)
{
	child_tell_to_kill(&vm->qemu);
	vm->phase = PHASE_OVER;
}

/* ---- qemu ---- */

char *vm_find_qemu(const struct architecture *architecture, struct error *err)
{
	/* For the host's own architecture alone. */
	static const char *const elsewhere[] = {
		"/usr/libexec/qemu-kvm", "/usr/bin/qemu-kvm"};
	const struct processor *processor = processor_find(architecture->name);
	const char *named = secure_getenv("HYPERMIN_QEMU");

	if (named && *named) {
		char *program = strchr(named, '/') ? xstrdup(named)
						   : program_find(named, "/usr/bin:/bin");
		if (!program)
			return error_null(err, 0,
				"use HYPERMIN_QEMU='%s': it is not in PATH", named);
		if (access(program, X_OK) < 0) {
			error_set(err, errno, "use HYPERMIN_QEMU='%s'", named);
			free(program);
			return NULL;
		}
		if (trust_path(program, err) < 0) {
			error_prefix(err, "use HYPERMIN_QEMU='%s'", named);
			free(program);
			return NULL;
		}
		return program;
	}
	char *found = program_find(processor->qemu, "/usr/bin:/bin");
	if (found)
		return found;
	for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
		if (architecture_is_host(architecture) && access(elsewhere[i], X_OK) == 0)
			return xstrdup(elsewhere[i]);
	return error_null(err, 0,
		"find qemu: no %s in PATH; install it (%s) or name one in HYPERMIN_QEMU",
		processor->qemu, processor->qemu_packages);
}
