/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Warm starts. Where src/vm, which takes snapshots and goes on from them, meets the
 * cache, which keeps them; and who makes them:
 *
 *	hypermin run ──boots──► the command ──► the end, and behind everybody's back
 *	                                             │ a process of its own (base/detach.h)
 *	hypermin warm --if-built ◄───────────────────┘
 *	   └── boots a VM like that one, of which no user's command, environment or disk has
 *	       come near, stops it where its agent is ready, publishes, and tries it
 *
 * It is a VM of its own, and not the user's before the command, so that nobody waits for
 * the memory to be written, and so that nothing of one user's run can be in another's.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api/handle.h"
#include "base/control.h"
#include "base/detach.h"
#include "base/io.h"
#include "base/log.h"
#include "cache/snapshots.h"
#include "cache/store.h"
#include "config.h"

#define TURN_NAME	 "warm"
#define TURN_PATIENCE_MS 100

/* ---- What the cache has ---- */

static int find(const char *identity, bool best, struct vm_snapshot *ret, void *data)
{
	struct hypermin *h = data;
	struct snapshot_files files;

	switch (snapshots_find(&h->cache, identity, &files)) {
	case SNAPSHOTS_FOUND:
		*ret = (struct vm_snapshot){files.ram_fd, files.state_fd};
		return 0;
	case SNAPSHOTS_NONE:
		h->wants_snapshot |= best;
		break;
	case SNAPSHOTS_REFUSED:
		break;
	}
	return 1;
}

static void discard(const char *identity, void *data)
{
	struct hypermin *h = data;

	snapshots_discard(&h->cache, identity);
	h->wants_snapshot = true;
}

struct vm_snapshots handle_snapshots(struct hypermin *h)
{
	return (struct vm_snapshots){.find = find, .discard = discard, .data = h};
}

/* ---- Later ---- */

/* This very program, or the one that is installed with the library. */
static char *find_command(void)
{
	char self[4096];

	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[MAX(len, 0)] = '\0';
	char *slash = strrchr(self, '/');
	CLEANUP_FREE char *beside =
		xasprintf("%.*s/hypermin", slash ? (int)(slash - self) : 0, self);
	if (slash && access(beside, X_OK) == 0)
		return TAKE_PTR(beside);
	if (access(HYPERMIN_BINDIR "/hypermin", X_OK) == 0)
		return xstrdup(HYPERMIN_BINDIR "/hypermin");
	return NULL;
}

static void add_settings(struct strvec *argv, const struct hypermin *h)
{
	static const char *const accelerators[] = {
		[VM_ACCEL_AUTO] = "auto", [VM_ACCEL_KVM] = "kvm", [VM_ACCEL_TCG] = "tcg"};

	strvec_addf(argv, "--cache-dir=%s", h->cache.path);
	strvec_addf(argv, "--memory=%u", h->memory_mib);
	strvec_addf(argv, "--cpus=%u", h->cpus);
	if (h->disks.len <= HYPERMIN_WARM_DISKS)
		strvec_addf(argv, "--disks=%zu", h->disks.len);
	strvec_addf(argv, "--accel=%s", accelerators[h->accel]);
	if (strcmp(h->root, "/") != 0)
		strvec_addf(argv, "--root=%s", h->root);
	vector_foreach (name, &h->packages)
		strvec_addf(argv, "--package=%s", *name);
	if (h->kernel)
		strvec_addf(argv, "--kernel=%s", h->kernel);
	if (h->modules_dir)
		strvec_addf(argv, "--modules=%s", h->modules_dir);
	if (h->machine)
		strvec_addf(argv, "--machine=%s", h->machine);
	if (h->root_bus)
		strvec_addf(argv, "--root-bus=%s", h->root_bus);
	if (h->plain)
		strvec_add(argv, "--plain");
}

void handle_warm_later(const struct hypermin *h)
{
	CLEANUP_FREE char *command = find_command();
	CLEANUP_STRVEC struct strvec argv = {0};
	struct error err;

	if (!command)
		return;
	strvec_add(&argv, command);
	strvec_add(&argv, "warm");
	strvec_add(&argv, "--if-built");
	add_settings(&argv, h);
	if (detach_start(strvec_argv(&argv), &err) < 0)
		log_info("no snapshot will be made: %s", err.msg);
	else
		log_info("a snapshot for the next run is being made in the background");
}

/* ---- Now ---- */

static int make_file(const char *name, off_t size, struct error *err)
{
	CLEANUP_CLOSE int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, size) < 0)
		return error_set(err, errno, "make a file in memory");
	return TAKE_FD(fd);
}

/* The name of its directory in the cache. */
static const char *appliance_key(const struct hypermin *h)
{
	return strrchr(h->appliance.directory, '/') + 1;
}

/* Every command needs the C library, the directories in PATH and the way that leads to a
 * running process: let the guest have them in its memory. */
static void rehearse(struct vm *vm)
{
	static const char *const argv[] = {"true", NULL};
	const struct vm_command command = {.agent = {.argv = argv, .stdin_closed = true},
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1};
	struct hypermin_result ignored;
	struct error err;

	if (vm_exec(vm, &command, &ignored, &err) < 0)
		log_info("rehearse a command: %s", err.msg);
}

static int save(struct hypermin *h, const struct vm_snapshot *record, struct error *err)
{
	const struct snapshot_files files = {record->ram_fd, record->state_fd};
	CLEANUP_FREE char *identity = NULL;

	if (!vm_identity(h->vm))
		return error_set(err, 0,
			"take a snapshot: a machine like this can't go on from one");
	identity = xstrdup(vm_identity(h->vm));
	const struct snapshot_about about = {
		identity, appliance_key(h), h->memory_mib, h->cpus, h->reserved_slots};
	rehearse(h->vm);
	int result = vm_save(h->vm, err);
	vm_free(TAKE_PTR(h->vm));
	if (result == 0)
		result = snapshots_publish(&h->cache, &about, &files, err);
	/* What has proved to work is what is offered. */
	if (result == 0)
		result = handle_start(h, NULL);
	if (result == 0 && (!vm_is_resumed(h->vm) || h->wants_snapshot))
		result = error_set(err, 0,
			"take a snapshot: no VM could go on from it; -v says why");
	if (result < 0 && err->num != EINTR)
		snapshots_refuse(&h->cache, &about, err->msg);
	return result;
}

/* 1: there was one. */
static int take(struct hypermin *h)
{
	CLEANUP_CLOSE int ram = make_file("ram", (off_t)h->memory_mib << 20, &h->error);
	CLEANUP_CLOSE int state = make_file("state", 0, &h->error);
	const struct vm_snapshot record = {ram, state};
	int result;

	if (ram < 0 || state < 0 || handle_start(h, &record) < 0)
		return -1;
	result = vm_is_resumed(h->vm) ? 1 : save(h, &record, &h->error);
	vm_free(TAKE_PTR(h->vm));
	h->wants_snapshot = false;
	return result;
}

/* 1: somebody else has it, and we don't wait. */
static int take_turn(struct hypermin *h, struct turn *ret)
{
	struct control_message message;
	struct pollfd pfd = {h->control[0], POLLIN, 0};
	bool said = false;

	while (turn_try(&h->cache, TURN_NAME, ret) == LOCK_BUSY) {
		if (h->only_built)
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

static bool has_cache(const struct hypermin *h)
{
	return !h->cache_dir || access(h->cache_dir, F_OK) == 0;
}

int hypermin_warm(struct hypermin *h, unsigned disks, bool only_built, bool *ret_taken)
{
	CLEANUP_TURN struct turn turn = {0};
	bool cold = h->cold;

	*ret_taken = false;
	if (h->vm)
		return error_set(&h->error, EBUSY, "take a snapshot: the VM was started");
	if (h->disks.len || h->fixed)
		return error_set(&h->error, EINVAL,
			"take a snapshot: not with disks or an appliance of one's own");
	if (disks > HYPERMIN_WARM_DISKS)
		return error_set(&h->error, EINVAL,
			"take a snapshot: it can have slots for at most %u disks",
			HYPERMIN_WARM_DISKS);
	h->only_built = only_built;
	if (only_built && !has_cache(h))
		return error_set(&h->error, ENOENT, "take a snapshot: there is no cache");
	if (hypermin_prepare(h) < 0)
		return -1;
	if (h->private_cache.path)
		return error_set(&h->error, EROFS, "take a snapshot: it can't be kept");
	int result = take_turn(h, &turn);
	if (result == 0) {
		h->cold = false;
		h->reserved_slots = disks;
		result = take(h);
		h->reserved_slots = 0;
		h->cold = cold;
		*ret_taken = result == 0;
	}
	return result < 0 ? -1 : 0;
}
