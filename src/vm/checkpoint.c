/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing down a VM in use, which then goes on:
 *
 *	freeze the guest's agent	nothing is on its way between it and us
 *	stop				memory and disks are of the same moment
 *	copy the disks, then migrate	to files; qemu gives up its disks when it has migrated
 *	cont				and takes them again
 *	thaw
 *
 * qemu has the VM's memory as its own, so all of it goes into the file, behind the state of
 * the devices. vm_convert() makes a snapshot of that.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/monotonic.h"
#include "vm/state.h"

#define FREEZE_MS 30000
/* How often qemu is asked whether it has done what takes long. */
#define STEP_MS 10

/* What there is in qemu only during a checkpoint: the target of a disk's copy, and its
 * file. */
#define COPY  "copy"
#define FILE_ "copy-file"

/* ---- Talking to qemu ---- */

static bool answers_all_pings(const struct vm *vm)
{
	return agent_pings(vm->guest.agent) == 0;
}

static bool never(const struct vm *vm)
{
	(void)vm;
	return false;
}

static int ask(struct vm *vm, const char *command, json_t *arguments, int pass_fd,
	json_t **ret, struct error *err)
{
	return loop_execute(vm, command, arguments, pass_fd, 0, ret, err);
}

static int wait_a_step(struct vm *vm, struct error *err)
{
	return loop_until(vm, never, monotonic_ms() + STEP_MS, err) == LOOP_LOST ? -1 : 0;
}

/* ---- Disks ---- */

/* Of a disk that is a node of that name, or a drive (one with an overlay). 0: there is none. */
static json_int_t find_size(const json_t *blocks, const char *name)
{
	size_t i;
	const json_t *block;

	json_array_foreach(blocks, i, block)
	{
		const json_t *inserted = json_object_get(block, "inserted");
		const char *device = json_string_value(json_object_get(block, "device"));
		const char *node =
			json_string_value(json_object_get(inserted, "node-name"));

		if ((device && strcmp(device, name) == 0) ||
			(node && strcmp(node, name) == 0))
			return json_integer_value(json_object_get(
				json_object_get(inserted, "image"), "virtual-size"));
	}
	return 0;
}

/* The target's file is open in qemu. */
static int copy_to_node(
	struct vm *vm, const char *disk, json_int_t size, struct error *err)
{
	struct error ignored;

	/* In a raw file qemu allocates what is zero. */
	if (block_job_run(vm, "blockdev-create",
		    json_pack("{s:s, s:{s:s, s:s, s:I}}", "job-id", BLOCK_JOB, "options",
			    "driver", "qcow2", "file", FILE_, "size", size),
		    err) < 0 ||
		loop_order(vm, "blockdev-add",
			json_pack("{s:s, s:s, s:s, s:s, s:s}", "driver", "qcow2",
				"node-name", COPY, "file", FILE_, "discard", "unmap",
				"detect-zeroes", "unmap"),
			-1, err) < 0)
		return -1;
	int result = block_job_run(vm, "blockdev-backup",
		json_pack("{s:s, s:s, s:s, s:s, s:b}", "job-id", BLOCK_JOB, "device",
			disk, "target", COPY, "sync", "full", "auto-dismiss", 0),
		err);
	/* Writes out what is still in qemu. */
	if (loop_order(vm, "blockdev-del", json_pack("{s:s}", "node-name", COPY), -1,
		    result < 0 ? &ignored : err) < 0)
		return -1;
	return result;
}

/* The number that the descriptor of a disk's copy has in qemu. */
static int fdset_of(size_t disk)
{
	return disk + 1;
}

static int copy_disk(
	struct vm *vm, const json_t *blocks, size_t i, int fd, struct error *err)
{
	CLEANUP_FREE char *disk = xasprintf("disk%zu", i);
	CLEANUP_FREE char *name = xasprintf("/dev/fdset/%d", fdset_of(i));
	struct error ignored;
	json_int_t size = find_size(blocks, disk);

	if (size <= 0)
		return error_set(
			err, 0, "copy a disk: qemu does not say how large it is");
	if (loop_order(vm, "add-fd", json_pack("{s:i}", "fdset-id", fdset_of(i)), fd,
		    err) < 0)
		return -1;
	int result = loop_order(vm, "blockdev-add",
		json_pack("{s:s, s:s, s:s, s:s}", "driver", "file", "node-name", FILE_,
			"filename", name, "locking", "off"),
		-1, err);
	if (result == 0) {
		result = copy_to_node(vm, disk, size, err);
		loop_order(vm, "blockdev-del", json_pack("{s:s}", "node-name", FILE_), -1,
			&ignored);
	}
	return result;
}

/* Have qemu close them, which it does only while the guest runs. */
static void close_copies(struct vm *vm, const struct vm_checkpoint *to)
{
	struct error ignored;

	for (size_t i = 0; i < to->n_disks; i++)
		if (to->disk_fds[i] >= 0)
			loop_order(vm, "remove-fd",
				json_pack("{s:i}", "fdset-id", fdset_of(i)), -1,
				&ignored);
}

static int copy_disks(struct vm *vm, const struct vm_checkpoint *to, struct error *err)
{
	json_t *blocks = NULL;
	int result = 0;

	if (to->n_disks && ask(vm, "query-block", NULL, -1, &blocks, err) < 0)
		return -1;
	for (size_t i = 0; i < to->n_disks && result == 0; i++)
		if (to->disk_fds[i] >= 0)
			result = copy_disk(vm, blocks, i, to->disk_fds[i], err);
	json_decref(blocks);
	return result;
}

/* ---- Memory and devices ---- */

/* 1: it is under way; 0: done. */
static int check_migration(struct vm *vm, struct error *err)
{
	json_t *info = NULL;
	int result = 1;

	if (ask(vm, "query-migrate", NULL, -1, &info, err) < 0)
		return -1;
	const char *status = json_string_value(json_object_get(info, "status"));
	const char *why = json_string_value(json_object_get(info, "error-desc"));
	if (status && strcmp(status, "completed") == 0)
		result = 0;
	else if (!status || strcmp(status, "failed") == 0 ||
		strcmp(status, "cancelled") == 0)
		result = error_set(err, 0, "write the VM's memory: %s",
			why ? why : "qemu failed; is the disk full?");
	json_decref(info);
	return result;
}

/* 1: qemu has said how the migration ended, but can't go on yet; 0: it can. */
static int check_finished(struct vm *vm, struct error *err)
{
	json_t *info = NULL;

	if (ask(vm, "query-status", NULL, -1, &info, err) < 0)
		return -1;
	const char *status = json_string_value(json_object_get(info, "status"));
	int result = status && strcmp(status, "finish-migrate") == 0;
	json_decref(info);
	return result;
}

static int wait_migrated(struct vm *vm, struct error *err)
{
	struct error ignored;
	int result, unfinished;

	while ((result = check_migration(vm, err)) == 1)
		if (wait_a_step(vm, err) < 0)
			return -1;
	while ((unfinished = check_finished(vm, result < 0 ? &ignored : err)) == 1)
		if (wait_a_step(vm, &ignored) < 0)
			break;
	return unfinished < 0 ? -1 : result;
}

static int write_memory(struct vm *vm, int fd, struct error *err)
{
	/* It stands still, so there is nothing to wait for: all at once. */
	if (loop_order(vm, "migrate-set-capabilities",
		    json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability",
			    "x-ignore-shared", "state", 0),
		    -1, err) < 0 ||
		loop_order(vm, "migrate-set-parameters",
			json_pack("{s:I, s:i}", "max-bandwidth", (json_int_t)1 << 40,
				"downtime-limit", 2000000),
			-1, err) < 0 ||
		loop_order(vm, "getfd", json_pack("{s:s}", "fdname", "checkpoint"), fd,
			err) < 0 ||
		loop_order(vm, "migrate", json_pack("{s:s}", "uri", "fd:checkpoint"), -1,
			err) < 0)
		return -1;
	return wait_migrated(vm, err);
}

/* ---- All of it ---- */

static int write_down(struct vm *vm, const struct vm_checkpoint *to, struct error *err)
{
	if (loop_order(vm, "stop", NULL, -1, err) < 0 || copy_disks(vm, to, err) < 0)
		return -1;
	return write_memory(vm, to->fd, err);
}

int checkpoint_go_on(struct vm *vm, struct error *err)
{
	if (vm->phase == PHASE_OVER)
		return -1;
	if (loop_order(vm, "cont", NULL, -1, err) < 0)
		return failure_set(vm, LOSS_GUEST, err, err->num, "%-s", err->msg);
	vm->phase = PHASE_UP;
	vm->guest.heard_ms = monotonic_ms();
	return 0;
}

int vm_checkpoint(struct vm *vm, const struct vm_checkpoint *to, struct error *err)
{
	struct error lost;

	if (vm->phase != PHASE_UP)
		return error_set(err, ESRCH, "write the VM down: it has ended");
	if (!vm->may_be_copied)
		return error_set(
			err, 0, "no VM with this machine and root bus can be saved");
	agent_freeze(vm->guest.agent);
	enum loop_end end =
		loop_until(vm, answers_all_pings, monotonic_ms() + FREEZE_MS, err);
	if (end == LOOP_LOST)
		return -1;
	int result = -1;
	if (end == LOOP_DONE) {
		vm->phase = PHASE_FROZEN;
		result = write_down(vm, to, err);
		if (checkpoint_go_on(vm, &lost) < 0) {
			*err = result < 0 ? *err : lost;
			return -1;
		}
		close_copies(vm, to);
	} else {
		error_set(err, ETIMEDOUT, "the guest does not stand still");
	}
	agent_thaw(vm->guest.agent);
	/* It stood still, too. */
	agent_set_clock(vm->guest.agent, vm_realtime_ns());
	return result;
}
