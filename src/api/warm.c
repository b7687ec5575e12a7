/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making the snapshots that later starts resume from:
 *
 *	hypermin run ──boots──► the command ──► the end
 *	                                         │ detached (base/outlive.h)
 *	hypermin warm --if-built ◄───────────────┘
 *	   └── boots a VM with the same settings but without the user's disks, saves it when
 *	       its agent is ready, publishes the snapshot, and tries it
 *
 * The snapshot is not of the user's VM before the command, so that the user does not wait
 * until memory is written, and nothing of one run can get into another.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/handle.h"
#include "base/control.h"
#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "base/outlive.h"
#include "cache/snapshots.h"
#include "cache/store.h"

#define TURN_NAME	 "warm"
#define TURN_PATIENCE_MS 100
/* More than a guest that has just booted has in its memory. */
#define SNAPSHOT_ROOM (128 << 20)

/* ---- Later ---- */

void handle_warm_later(const struct hypermin *h)
{
	struct error err;
	/* This very program, or the one that is installed with the library. */
	CLEANUP_FREE char *command = handle_find_program("hypermin", &err);
	CLEANUP_STRVEC struct strvec argv = {0};

	/* The small memory file system of a container, say: it would boot for nothing, after
	 * each run. */
	if (!cache_may_write(&h->cache) || !cache_has_room(&h->cache, SNAPSHOT_ROOM)) {
		log_info(
			"no snapshot will be made: the cache '%s' can't be written to, or has "
			"less than %d MiB free",
			h->cache.path, SNAPSHOT_ROOM >> 20);
		return;
	}
	if (!command) {
		log_info("no snapshot will be made: %-s", err.msg);
		return;
	}
	strvec_add(&argv, command);
	strvec_add(&argv, "warm");
	strvec_add(&argv, "--if-built");
	strvec_addf(&argv, "--cache-dir=%s", h->cache.path);
	size_t n_disks = h->disks.len + handle_served_count(h);
	if (n_disks <= HYPERMIN_WARM_DISKS)
		strvec_addf(&argv, "--disks=%zu", n_disks);
	handle_snapshot_options(h, &argv);
	if (outlive_start(strvec_argv(&argv), &err) < 0)
		log_info("no snapshot will be made: %-s", err.msg);
	else
		log_info("a snapshot for the next run is being made in the background");
}

/* ---- Now ---- */

/* The name of the appliance's directory in the cache; NULL: it is elsewhere. */
static const char *appliance_key(const struct hypermin *h)
{
	return h->fixed ? NULL : strrchr(h->appliance.directory, '/') + 1;
}

/* The C library, the directories in PATH and the kernel's path to a new process. */
void handle_rehearse(struct vm *vm)
{
	static const char *const argv[] = {"true", NULL};
	struct error err;

	if (vm_rehearse(vm, argv, &err) < 0)
		log_info("rehearse a command: %-s", err.msg);
}

/* What the snapshot of the VM is to be found by: a new string. */
static char *find_identity(const struct hypermin *h, struct error *err)
{
	return vm_identity(h->vm)
		? xstrdup(vm_identity(h->vm))
		: error_null(err, 0,
			  "take a snapshot: no VM with this machine, root bus and kernel can "
			  "resume from one");
}

/* Complete the record of a VM, which ends. */
static int end_saved(struct hypermin *h, struct error *err)
{
	if (!h->appliance.own_init)
		handle_rehearse(h->vm);
	int result = vm_save(h->vm, err);
	vm_free(TAKE_PTR(h->vm));
	return result;
}

static int save(struct hypermin *h, const struct start_terms *terms, struct error *err)
{
	const struct snapshot_files files = {
		terms->record->ram_fd, terms->record->state_fd};
	const struct start_terms trial = {
		.no_build = terms->no_build, .reserved_slots = terms->reserved_slots};
	CLEANUP_FREE char *identity = find_identity(h, err);
	bool no_snapshot;

	if (!identity)
		return -1;
	const struct snapshot_about about = {
		.identity = identity,
		.appliance = appliance_key(h),
		.root = h->appliance.root,
		.memory_mib = handle_memory_mib(h),
		.cpus = h->cpus,
		.reserved_slots = terms->reserved_slots,
	};
	int result = end_saved(h, err);
	if (result == 0)
		result = snapshots_publish(&h->cache, &about, &files, err);
	/* Only a snapshot that has worked once is kept. */
	if (result == 0)
		result = handle_start(h, &trial, &no_snapshot);
	if (result == 0 && (!vm_is_resumed(h->vm) || no_snapshot))
		result = error_set(err, 0,
			"take a snapshot: no VM could resume from it; -v says why");
	if (result < 0 && err->num != EINTR)
		snapshots_refuse(&h->cache, &about, err->msg);
	return result;
}

/* 1: there was one. */
static int take(struct hypermin *h, unsigned disks, bool only_built)
{
	CLEANUP_CLOSE int ram =
		file_in_memory("ram", (uint64_t)handle_memory_mib(h) << 20, &h->error);
	CLEANUP_CLOSE int state = file_in_memory("state", 0, &h->error);
	const struct vm_snapshot record = {ram, state};
	const struct start_terms terms = {
		.no_build = only_built, .reserved_slots = disks, .record = &record};
	bool no_snapshot;

	if (ram < 0 || state < 0 || handle_start(h, &terms, &no_snapshot) < 0)
		return -1;
	int result = vm_is_resumed(h->vm) ? 1 : save(h, &terms, &h->error);
	vm_free(TAKE_PTR(h->vm));
	return result;
}

/* 1: another process takes one, and we don't wait. */
static int take_turn(struct hypermin *h, bool wait, struct turn *ret)
{
	struct control_message message;
	struct pollfd pfd = {h->control[0], POLLIN, 0};
	bool said = false;

	while (turn_try(&h->cache, TURN_NAME, ret) == LOCK_BUSY) {
		if (!wait)
			return 1;
		if (!said)
			log_notice("waiting for another hypermin that takes a snapshot");
		said = true;
		if (poll(&pfd, 1, TURN_PATIENCE_MS) > 0 &&
			control_read(h->control[0], &message) &&
			message.what == CONTROL_INTERRUPT)
			return control_error(message.signal, &h->error);
	}
	return 0;
}

int hypermin_warm(struct hypermin *h, unsigned disks, bool only_built, bool *ret_taken)
{
	CLEANUP_TURN struct turn turn = {0};

	if (h->vm || h->stopped)
		return error_set(
			&h->error, 0, "take a snapshot: the VM was started before");
	if (h->disks.len || h->from)
		return error_set(&h->error, 0,
			"take a snapshot: there is none of a VM with disks, or from a saved "
			"state");
	if (handle_is_special(h))
		return error_set(&h->error, 0,
			"take a snapshot: %s, and such a VM always boots; %s",
			getenv("HYPERMIN_KERNEL_OPTIONS")
				? "HYPERMIN_KERNEL_OPTIONS is set"
				: "there are words for its kernel, arguments for qemu or "
				  "gdb",
			getenv("HYPERMIN_KERNEL_OPTIONS") ? "unset it"
							  : "leave them out");
	if (disks > HYPERMIN_WARM_DISKS)
		return error_set(&h->error, 0,
			"take a snapshot: it can have slots for %d disks at most, not %u",
			HYPERMIN_WARM_DISKS, disks);
	if (only_built && h->cache_dir && access(h->cache_dir, F_OK) < 0)
		return error_set(&h->error, errno, "take a snapshot: find the cache '%s'",
			h->cache_dir);
	if (handle_prepare(h, !only_built, false) < 0)
		return -1;
	/* A fixed appliance is opened without one, too. */
	if (h->fixed && handle_open_cache(h) < 0)
		return -1;
	if (h->private_cache.path || !cache_may_write(&h->cache))
		return error_set(&h->error, EROFS,
			"take a snapshot: the cache can't be written to");
	int result = take_turn(h, !only_built, &turn);
	if (result == 0)
		result = take(h, disks, only_built);
	if (result < 0)
		return -1;
	*ret_taken = result == 0;
	return 0;
}

/* ---- For other machines ---- */

static int try_portable(
	struct hypermin *h, const struct vm_snapshot *record, struct error *err)
{
	const struct start_terms trial = {.cold = true, .trial = record};
	bool ignored;

	if (handle_start(h, &trial, &ignored) < 0)
		return -1;
	bool works = vm_is_resumed(h->vm);
	vm_free(TAKE_PTR(h->vm));
	return works
		? 0
		: error_set(err, 0,
			  "take a snapshot: no VM could resume from it; -v says why");
}

int hypermin_export_warm(struct hypermin *h, const char *dir)
{
	if (h->disks.len || h->from || handle_is_special(h) || h->accel == VM_ACCEL_KVM)
		return error_set(&h->error, 0,
			"take a snapshot for other machines: there is none of a VM with disks, "
			"from a saved state, with KVM, or with words for its kernel or "
			"arguments for qemu");
	if (hypermin_prepare(h) < 0)
		return -1;
	CLEANUP_CLOSE int ram =
		file_in_memory("ram", (uint64_t)handle_memory_mib(h) << 20, &h->error);
	CLEANUP_CLOSE int state = file_in_memory("state", 0, &h->error);
	const struct vm_snapshot record = {ram, state};
	const struct start_terms terms = {
		.cold = true, .record = &record, .portable = true};
	bool ignored;
	if (ram < 0 || state < 0 || handle_start(h, &terms, &ignored) < 0)
		return -1;
	CLEANUP_FREE char *identity = find_identity(h, &h->error);
	if (!identity || end_saved(h, &h->error) < 0 ||
		try_portable(h, &record, &h->error) < 0) {
		vm_free(TAKE_PTR(h->vm));
		return -1;
	}
	const struct snapshot_about about = {
		.identity = identity, .memory_mib = handle_memory_mib(h)};
	const struct snapshot_files files = {ram, state};
	return appliance_export(
		&h->appliance, &about, &files, dir, h->control[0], &h->error);
}
