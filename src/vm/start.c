/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Getting a VM to run: the fastest way first, and where that does not boot a plainer one.
 *
 *	KVM, fast ──► TCG, fast ──► TCG, plain ──► another route (the caller's to take)
 *
 * What did not boot is remembered, so that falling back costs its time once. Where no
 * other way would do better (LOSS_FINAL) nothing else is tried.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/monotonic.h"
#include "base/utf8.h"
#include "vm/accel.h"
#include "vm/disk.h"
#include "vm/initcalls.h"
#include "vm/machine.h"
#include "vm/network.h"
#include "vm/snapshot.h"
#include "vm/state.h"
#include "vm/tsc.h"

/* Under KVM a guest answers within a second or two, or never. */
#define KVM_FALLBACK_MS 10000
/* Far more than an emulated guest takes on a slow and busy host. */
#define FAST_FALLBACK_MS 45000
/* An appliance with an /init of its own starts udev and what else it pleases. */
#define LAUNCHER_FALLBACK_MS 200000
/* For a guest that did not boot in time with the settings for speed. If it then boots within
 * this time without them, the host is fast enough, and the settings were the reason. */
#define PLAIN_PROOF_MS (FAST_FALLBACK_MS / 2)
/* The firmware looks at each disk, and under emulation not fast. */
#define PER_DISK_MS 500

/* Far more than resuming takes; booting is faster than to wait longer. */
#define RESUME_MS 10000

/* A subject of verdicts. */
#define SANDBOX "sandbox"

/* Of x86 and arm64 alike. */
#define COMMAND_LINE_SIZE 2048

struct start {
	struct vm_config config;
	/* Of qemu with this kernel; with any, if the appliance is our own. */
	struct verdict_key key, qemu_key;
	struct profile profile;
	int64_t deadline_ms;
	bool may_leave_kvm;
	/* With the settings for speed; the host may just have been busy. */
	bool fast_timed_out;
	struct vm *vm;
};

/* ---- The plan ---- */

static struct start plan_start(const struct vm_config *config)
{
	const struct verdict_key key = {config->cache_fd, config->qemu, config->kernel};

	struct start s = {
		.config = *config,
		.key = key,
		.qemu_key = {config->cache_fd, config->qemu,
			config->fixed ? config->kernel : NULL},
		.profile =
			{
				.machine = machine_type_find(config->route->machine),
				.root_bus = root_bus_find(config->route->root_bus),
				.plain = config->plain,
				/* A launcher's appliance traces nothing. */
				.lean = config->fast || config->launcher,
				.verbose = config->console ||
					(config->launcher && config->launcher->verbose),
				.portable = config->portable,
				.cpus = config->cpus,
			},
		.deadline_ms = monotonic_ms() + config->boot_timeout_ms,
	};
	/* A snapshot has the drivers, since the VMs that resume may need them. */
	s.config.attachable = !config->own_init &&
		(config->network || config->n_shares || config->record ||
			config->lasting);
	return s;
}

static const struct architecture *guest_architecture(const struct start *s)
{
	return architecture_find(s->profile.machine->processor->architecture);
}

/* The kernel is told how large a root in memory is. */
static int measure_root(struct start *s, struct error *err)
{
	struct stat st;

	if (!s->profile.root_bus->in_memory)
		return 0;
	if ((s->config.part_fds ? fstat(s->config.part_fds[VM_ROOT], &st)
				: stat(s->config.root, &st)) < 0)
		return error_set(err, errno, "look at '%s'", s->config.root);
	s->config.root_size = st.st_size;
	return 0;
}

/* ---- What is known ---- */

static bool is_known(
	const struct verdict_key *key, const char *subject, const char *verdict)
{
	CLEANUP_FREE char *reason = NULL;
	char known[16];

	return verdict_recall(key, subject, known, &reason) &&
		strcmp(known, verdict) == 0;
}

static char *speed_subject(const struct start *s)
{
	return xasprintf("%s %s", s->profile.kvm ? "KVM" : "TCG", s->config.route->name);
}

/* Remembered, so that all guests are told the same until the host is booted again. */
static void find_clock_speed(struct start *s)
{
	CLEANUP_FREE char *reason = NULL;
	char khz[16];

	if (s->profile.kvm || s->profile.portable || s->profile.tsc_khz ||
		!s->profile.machine->processor->is_x86)
		return;
	if (verdict_recall(&s->key, "clock", khz, &reason)) {
		s->profile.tsc_khz = strtoul(khz, NULL, 10);
		return;
	}
	s->profile.tsc_khz = tsc_measure_khz();
	snprintf(khz, sizeof(khz), "%u", s->profile.tsc_khz);
	verdict_remember(&s->key, "clock", khz, "measured");
}

/* -1: qemu lacks something for this route. */
static int check_known(struct start *s, struct error *err)
{
	CLEANUP_FREE char *subject = speed_subject(s);

	if (is_known(&s->qemu_key, s->config.route->machine, "missing"))
		return error_set(err, 0, "%s has no machine '%s' (remembered)",
			s->config.qemu, s->config.route->machine);
	if (is_known(&s->qemu_key, s->config.route->name, "missing"))
		return error_set(err, 0,
			"%s has no device for a root on '%s' (remembered)",
			s->config.qemu, s->config.route->root_bus);
	if (is_known(&s->key, subject, "plain")) {
		s->profile.plain = true;
		log_info(
			"settings for speed: none, without them the guest boots (remembered)");
	}
	return 0;
}

/* What the user's own arguments need is not known; they may have one of their own. */
static void choose_sandbox(struct start *s)
{
	s->config.sandbox =
		!s->config.qemu_args && !is_known(&s->qemu_key, SANDBOX, "missing");
}

/* ---- Attempts ---- */

/* Nothing is wrong with the rest of such an attempt: it is made once more. */
static bool leave_sandbox(struct start *s, enum vm_loss loss, const struct error *err)
{
	if (loss != LOSS_NO_SANDBOX || !s->config.sandbox)
		return false;
	log_info("this qemu does not filter its own system calls: %-s", err->msg);
	verdict_remember(&s->qemu_key, SANDBOX, "missing", "qemu said so");
	s->config.sandbox = false;
	return true;
}

static void leave_kvm(struct start *s, const struct error *err)
{
	log_warning("the guest does not boot under KVM here; using TCG until the host is "
		    "booted again");
	log_info("KVM failed: %-s", err->msg);
	accel_remember_tcg(&s->key, "a guest did not boot under KVM");
	s->profile.kvm = false;
	s->may_leave_kvm = false;
	find_clock_speed(s);
}

static void leave_speed(struct start *s, const struct error *err)
{
	log_info(
		"the guest does not boot with the settings for speed; trying without them: %s",
		err->msg);
	s->fast_timed_out = err->num == ETIMEDOUT;
	s->profile.plain = true;
}

/* On a busy host the time may just not have sufficed: that is no reason to remember. */
static void remember_plain(struct start *s, int64_t took_ms)
{
	CLEANUP_FREE char *subject = speed_subject(s);

	if (s->fast_timed_out && took_ms > PLAIN_PROOF_MS)
		return;
	log_warning("the guest boots only without the settings for speed; they are left "
		    "out until the host is booted again");
	verdict_remember(
		&s->key, subject, "plain", "it did not boot with the settings for speed");
}

static int64_t attempt_deadline(const struct start *s)
{
	int64_t now = monotonic_ms();

	/* Somebody may look at it in gdb. */
	if (s->config.gdb_port)
		return s->deadline_ms;
	if (s->may_leave_kvm)
		return MIN(s->deadline_ms, now + KVM_FALLBACK_MS);
	if (!s->profile.plain)
		return MIN(s->deadline_ms,
			now + s->config.n_disks * PER_DISK_MS +
				(s->config.own_init ? LAUNCHER_FALLBACK_MS
						    : FAST_FALLBACK_MS));
	return s->deadline_ms;
}

static void log_profile(const struct start *s)
{
	log_info("machine: %s, root on %s%s", s->config.route->machine,
		s->config.route->root_bus,
		s->profile.plain ? ", without settings for speed" : "");
	if (profile_skips_initcalls(&s->profile)) {
		CLEANUP_STRBUF struct strbuf losses = {0};
		initcalls_add_losses(s->profile.lean, &losses);
		log_info("the guest's kernel goes without (--plain has it): %s",
			losses.data);
		if (!s->profile.lean)
			log_info(
				"the guest's kernel has tracing, and what BPF programs call; "
				"--fast boots a fifth faster, without them");
	}
}

static void describe(struct start *s)
{
	if (!s->config.timeline)
		return;
	free(s->config.timeline->machine);
	s->config.timeline->machine = xasprintf("%s, root on %s, %s%s",
		s->config.route->machine, s->config.route->root_bus,
		s->profile.kvm ? "KVM" : "TCG", s->profile.plain ? ", plain" : "");
}

static bool may_try_again(const struct start *s, enum vm_loss loss)
{
	switch (loss) {
	case LOSS_GUEST:
	case LOSS_REFUSED:
		return (s->may_leave_kvm || !s->profile.plain) &&
			monotonic_ms() < s->deadline_ms;
	case LOSS_GAVE_UP:
		return !s->profile.plain && monotonic_ms() < s->deadline_ms;
	default:
		return false;
	}
}

static enum vm_loss boot(struct start *s, struct error *err)
{
	bool was_plain = s->profile.plain;

	for (;;) {
		int64_t began_ms = monotonic_ms();
		log_profile(s);
		describe(s);
		enum vm_loss loss = vm_boot(
			&s->config, &s->profile, attempt_deadline(s), &s->vm, err);
		if (loss == LOSS_NONE) {
			if (s->profile.plain && !was_plain)
				remember_plain(s, monotonic_ms() - began_ms);
			return LOSS_NONE;
		}
		if (leave_sandbox(s, loss, err))
			continue;
		if (loss != LOSS_GUEST && loss != LOSS_GAVE_UP &&
			(s->config.qemu_args || s->config.gdb_port))
			return LOSS_FINAL;
		if (!may_try_again(s, loss))
			return loss;
		/* A guest that says what it lacks runs well enough under KVM. */
		if (s->may_leave_kvm && loss != LOSS_GAVE_UP)
			leave_kvm(s, err);
		else
			leave_speed(s, err);
	}
}

/* ---- Resuming from a snapshot ---- */

enum resumed {
	RESUMED,
	/* There is no snapshot, or it was no good. */
	RESUME_BOOT_INSTEAD,
	/* A boot would do no better. */
	RESUME_FAILED,
};

static enum resumed find_and_resume(struct start *s, size_t slots, struct error *err)
{
	const struct vm_snapshots *snapshots = s->config.snapshots;
	bool best = slots == snapshot_best_slots(&s->config);
	int64_t deadline = MIN(s->deadline_ms, monotonic_ms() + RESUME_MS);
	struct vm_snapshot snapshot;

	CLEANUP_FREE char *identity = snapshot_identity(&s->config, &s->profile, slots);
	if (!snapshots->find(identity, best, &snapshot, snapshots->data))
		return RESUME_BOOT_INSTEAD;
	CLEANUP_CLOSE int ram_fd = snapshot.ram_fd, state_fd = snapshot.state_fd;
	enum vm_loss loss;
	do
		loss = vm_resume(
			&s->config, &s->profile, &snapshot, deadline, &s->vm, err);
	while (leave_sandbox(s, loss, err));
	if (loss == LOSS_NONE)
		return RESUMED;
	if (loss == LOSS_FINAL)
		return RESUME_FAILED;
	log_info("the snapshot can't be used and is removed: %-s", err->msg);
	snapshots->discard(identity, snapshots->data);
	return RESUME_BOOT_INSTEAD;
}

/* Comes first: it needs no measurement of the host's clock. Nothing that goes wrong here is
 * remembered, since a stranger may have made the snapshot. Then the VM boots, unless the
 * user gives up. */
static enum resumed resume_shipped(struct start *s, struct error *err)
{
	const struct vm_snapshots *shipped = s->config.shipped;
	int64_t deadline = MIN(s->deadline_ms, monotonic_ms() + RESUME_MS);
	struct vm_config config = s->config;
	struct profile profile = s->profile;
	struct vm_snapshot snapshot;

	if (!shipped || profile.kvm || !snapshot_is_possible(&config, &profile))
		return RESUME_BOOT_INSTEAD;
	config.strict |= !config.shipped_is_ours;
	profile.portable = true;
	profile.tsc_khz = 0;
	CLEANUP_FREE char *identity = snapshot_portable_identity(&config, &profile, err);
	if (!identity) {
		log_info("the appliance's snapshot can't be used: %-s", err->msg);
		return RESUME_BOOT_INSTEAD;
	}
	if (!shipped->find(identity, true, &snapshot, shipped->data))
		return RESUME_BOOT_INSTEAD;
	CLEANUP_CLOSE int ram_fd = snapshot.ram_fd, state_fd = snapshot.state_fd;
	if (vm_resume(&config, &profile, &snapshot, deadline, &s->vm, err) == LOSS_NONE)
		return RESUMED;
	if (err->num == EINTR)
		return RESUME_FAILED;
	log_info("the appliance's snapshot can't be used: %-s", err->msg);
	return RESUME_BOOT_INSTEAD;
}

static enum resumed resume_if_possible(struct start *s, struct error *err)
{
	size_t slots = snapshot_best_slots(&s->config);

	if (!s->config.snapshots || !snapshot_is_possible(&s->config, &s->profile))
		return RESUME_BOOT_INSTEAD;
	enum resumed result = find_and_resume(s, slots, err);
	/* A VM without reserved slots has to scan its bus for the disks, which still takes
	 * less time than a boot. A start that records a snapshot boots instead: it is to
	 * make the best one. */
	if (result == RESUME_BOOT_INSTEAD && slots > 0 && !s->config.record)
		result = find_and_resume(s, 0, err);
	return result;
}

/* ---- Saved states ---- */

static int be_as_saved(struct start *s, struct error *err)
{
	const struct vm_run *run = &s->config.saved->ran_as;
	struct accel_choice choice;

	if (measure_root(s, err) < 0)
		return -1;
	choose_sandbox(s);
	s->profile.kvm = run->kvm;
	s->profile.plain = run->plain;
	if (!run->kvm)
		return 0;
	accel_choose(VM_ACCEL_AUTO, guest_architecture(s), &s->key, &choice);
	bool has_kvm = choice.kvm;
	int result = has_kvm
		? 0
		: error_set(err, 0, "it ran under KVM, and here: %s", choice.reason);
	accel_choice_done(&choice);
	return result;
}

/* The first line that only one of them has. */
static int error_other_identity(const char *saved, const char *now, struct error *err)
{
	while (*saved && *saved == *now)
		saved++, now++;
	return error_set(err, 0,
		"it was saved with another qemu, another version of hypermin, or on another "
		"machine: it has '%.*s', where now there is '%.*s'",
		(int)strcspn(saved, "\n"), saved, (int)strcspn(now, "\n"), now);
}

static enum vm_start_result resume_saved(struct start *s, struct error *err)
{
	const struct vm_saved *saved = s->config.saved;

	if (be_as_saved(s, err) < 0)
		return VM_NO_START;
	CLEANUP_FREE char *identity = snapshot_saved_identity(&s->config, &s->profile);
	if (strcmp(identity, saved->identity) != 0)
		return error_other_identity(saved->identity, identity, err);
	enum vm_loss loss;
	do
		loss = vm_resume(&s->config, &s->profile, &saved->snapshot,
			s->deadline_ms, &s->vm, err);
	while (leave_sandbox(s, loss, err));
	return loss == LOSS_NONE ? VM_STARTED : VM_NO_START;
}

int vm_convert(const struct vm_config *config, int checkpoint_fd, char **ret_identity,
	struct error *err)
{
	struct start s = plan_start(config);
	enum vm_loss loss;

	if (be_as_saved(&s, err) < 0)
		return -1;
	do {
		if (lseek(checkpoint_fd, 0, SEEK_SET) < 0)
			return error_set(err, errno, "read what was written down");
		loss = vm_rewrite(
			&s.config, &s.profile, checkpoint_fd, s.deadline_ms, err);
	} while (leave_sandbox(&s, loss, err));
	if (loss != LOSS_NONE)
		return -1;
	*ret_identity = snapshot_saved_identity(&s.config, &s.profile);
	return 0;
}

/* ---- The start ---- */

/* The guest's clock starts with its kernel. The time before is qemu's and the firmware's. */
static void log_boot(const struct vm *vm)
{
	const struct agent_boot_times *t = &vm->guest.boot_times;
	int64_t total = monotonic_ms() - vm->started_ms;

	if (vm_is_resumed(vm)) {
		log_info(
			"warm start: %lld ms until the agent answered", (long long)total);
		return;
	}
	log_info(
		"boot: %lld ms until the agent answered: qemu and firmware %lld, kernel %llu, "
		"modules %llu, root disk %llu, mounting %llu, environment and agent %llu",
		(long long)total, (long long)(total - (int64_t)(t->ready / 1000)),
		(unsigned long long)t->init_started / 1000,
		(unsigned long long)(t->modules_loaded - t->init_started) / 1000,
		(unsigned long long)(t->root_found - t->modules_loaded) / 1000,
		(unsigned long long)(t->root_mounted - t->root_found) / 1000,
		(unsigned long long)(t->ready - t->root_mounted) / 1000);
}

static void choose_accelerator(struct start *s)
{
	struct accel_choice choice;

	accel_choose(s->config.accel, guest_architecture(s), &s->key, &choice);
	log_info("accelerator: %s: %s", choice.kvm ? "KVM" : "TCG", choice.reason);
	s->profile.kvm = choice.kvm;
	s->may_leave_kvm = choice.kvm && choice.chosen_by_us;
	accel_choice_done(&choice);
}

/* A kernel cuts off what is longer, and takes what is left (COMMAND_LINE_SIZE). */
static int check_command_line(const struct start *s, struct error *err)
{
	if (!s->config.kernel_options)
		return 0;
	CLEANUP_FREE char *line = machine_kernel_command_line(&s->config, &s->profile);
	if (strlen(line) >= COMMAND_LINE_SIZE)
		return error_set(err, 0,
			"start the VM: the kernel's command line would have %zu bytes, and a "
			"kernel reads only %d: append fewer words",
			strlen(line), COMMAND_LINE_SIZE - 1);
	return 0;
}

static enum vm_start_result resume_or_boot(struct start *s, struct error *err)
{
	choose_accelerator(s);
	choose_sandbox(s);
	if (measure_root(s, err) < 0)
		return VM_NO_START;
	if (check_known(s, err) < 0)
		return VM_NO_ROUTE;
	enum resumed resumed = resume_shipped(s, err);
	if (resumed == RESUME_BOOT_INSTEAD) {
		find_clock_speed(s);
		if (check_command_line(s, err) < 0)
			return VM_NO_START;
		resumed = resume_if_possible(s, err);
	}
	switch (resumed) {
	case RESUMED:
		return VM_STARTED;
	case RESUME_FAILED:
		return VM_NO_START;
	case RESUME_BOOT_INSTEAD:
		break;
	}
	switch (boot(s, err)) {
	case LOSS_NONE:
		break;
	case LOSS_NO_MACHINE:
		verdict_remember(&s->qemu_key, s->config.route->machine, "missing",
			"qemu said so");
		return VM_NO_ROUTE;
	case LOSS_NO_BUS:
		verdict_remember(
			&s->qemu_key, s->config.route->name, "missing", "qemu said so");
		return VM_NO_ROUTE;
	case LOSS_REFUSED:
		return VM_NO_ROUTE;
	default:
		return VM_NO_START;
	}
	/* With the profile that it has booted with. */
	if (!snapshot_is_possible(&s->config, &s->profile))
		return VM_STARTED;
	if (s->config.portable) {
		s->vm->identity =
			snapshot_portable_identity(&s->config, &s->profile, err);
		if (!s->vm->identity) {
			vm_free(TAKE_PTR(s->vm));
			return VM_NO_START;
		}
	} else if (s->config.snapshots || s->config.record) {
		s->vm->identity = snapshot_identity(
			&s->config, &s->profile, snapshot_best_slots(&s->config));
	}
	return VM_STARTED;
}

enum vm_start_result vm_start(
	const struct vm_config *config, struct vm **ret, struct error *err)
{
	struct start s = plan_start(config);

	if (!utf8_is_valid(config->root))
		return error_set(err, EILSEQ,
			"use the appliance '%s': qemu takes only file names in UTF-8; name another "
			"cache directory",
			config->root);
	if (config->n_disks > s.profile.machine->max_disks)
		return error_set(err, 0,
			"a machine '%s' has room for %u disks, not for %zu: use --machine pc",
			config->route->machine, s.profile.machine->max_disks,
			config->n_disks);
	if (config->accel == VM_ACCEL_KVM &&
		!architecture_is_host(guest_architecture(&s)))
		return error_set(err, 0,
			"KVM can't run a guest for another processor, %s: leave out --accel",
			s.profile.machine->processor->architecture);
	if (config->network && vm_network_check(config->network, err) < 0)
		return VM_NO_START;
	for (size_t i = 0; i < config->n_disks; i++) {
		vm_disk_warn_of_growth(&config->disks[i]);
		vm_disk_warn_of_others(&config->disks[i]);
	}
	enum vm_start_result result =
		config->saved ? resume_saved(&s, err) : resume_or_boot(&s, err);
	if (result == VM_STARTED) {
		log_boot(s.vm);
		*ret = s.vm;
	}
	return result;
}

/* ---- Without starting it ---- */

int vm_line_make(const struct vm_config *config, int agent_fd, int qmp_fd,
	struct vm_line *ret, struct error *err)
{
	struct start s = plan_start(config);
	const struct vm_snapshots *snapshots = config->snapshots;
	const struct machine_fds none = {-1, -1, -1, -1, NULL},
				 fds = {agent_fd, qmp_fd, -1, -1, NULL};
	struct vm_line line = {.snapshot = {-1, -1}};

	choose_accelerator(&s);
	find_clock_speed(&s);
	if (measure_root(&s, err) < 0 || check_command_line(&s, err) < 0 ||
		check_known(&s, err) < 0)
		return -1;
	line.kvm = s.profile.kvm;
	if (snapshots && snapshot_is_possible(&s.config, &s.profile))
		line.identity = snapshot_identity(&s.config, &s.profile, 0);
	if (line.identity &&
		snapshots->find(line.identity, true, &line.snapshot, snapshots->data))
		machine_resume_argv(
			&s.config, &s.profile, &fds, &line.snapshot, &line.argv);
	else
		machine_argv(&s.config, &s.profile, &none, &line.argv);
	log_profile(&s);
	*ret = line;
	return 0;
}

void vm_line_done(struct vm_line *line)
{
	strvec_done(&line->argv);
	free(line->identity);
	cleanup_close(&line->snapshot.ram_fd);
	cleanup_close(&line->snapshot.state_fd);
}
