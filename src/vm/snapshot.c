/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking a snapshot and resuming from one, by QMP. qemu calls both migration: to a file,
 * and from one, without the memory, which is a file already.
 *
 * qemu silently accepts a stream made with another CPU model or another number of CPUs,
 * and some damaged streams. So nothing is left to it: the identity has all that a snapshot
 * depends on, and the store of snapshots has to check that the stream is the one that was
 * written.
 */
#include "vm/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/monotonic.h"
#include "base/strbuf.h"
#include "vm/build-id.h"
#include "vm/machine.h"

#define SAVE_MS 30000
/* For the kernel's deferred work of the boot to end. */
#define SETTLE_MS 200

/* ---- What it depends on ---- */

bool snapshot_is_possible(const struct vm_config *config, const struct profile *profile)
{
	/* A guest can't scan MMIO for new devices. */
	if (profile->root_bus->no_snapshots ||
		profile->machine->transport != TRANSPORT_PCI)
		return false;
	/* The root would have the name that the user's first disk has after a boot. */
	return !profile->root_bus->named_as_disks || machine_disks(config) == 0;
}

/* A launcher may set the times of its appliance's files at each launch. */
static void add_file_itself(struct strbuf *sb, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		strbuf_addf(sb, "%s absent\n", path);
	else
		strbuf_addf(sb, "%s %llx:%llx %lld bytes\n", path,
			(unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
			(long long)st.st_size);
}

/* Its maker can say what they please of an appliance's contents. But nobody can give another
 * file these numbers. */
static void add_open_file(struct strbuf *sb, const char *path, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		strbuf_addf(sb, "%s absent\n", path);
	else
		strbuf_addf(sb,
			"%s inode %llu, %lld bytes of %lld.%09ld, changed %lld.%09ld\n",
			path, (unsigned long long)st.st_ino, (long long)st.st_size,
			(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
			(long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

/* Whole seconds: a copy on another machine, in the image of a container say, often has lost
 * the fractions. */
static void add_file(struct strbuf *sb, const char *path)
{
	CLEANUP_FREE char *real = realpath(path, NULL);
	struct stat st;

	if (!real || stat(real, &st) < 0)
		strbuf_addf(sb, "%s absent\n", path);
	else
		strbuf_addf(sb, "%s %lld bytes of %lld\n", real, (long long)st.st_size,
			(long long)st.st_mtim.tv_sec);
}

void snapshot_add_processor(char *cpuinfo, struct strbuf *sb)
{
	static const char *const lines[] = {"vendor_id", "cpu family", "model",
		"stepping", "flags", "Features", "CPU implementer", "CPU part",
		"CPU variant"};
	char *rest = cpuinfo;

	for (char *line; (line = strsep(&rest, "\n")) && *line;)
		for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
			if (strncmp(line, lines[i], strlen(lines[i])) == 0)
				strbuf_addf(sb, "%s\n", line);
}

static void add_host(struct strbuf *sb)
{
	char cpuinfo[16 * 1024];
	struct utsname host;

	uname(&host);
	strbuf_addf(sb, "host %s %s %s\n", host.release, host.version, host.machine);
	CLEANUP_CLOSE int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, cpuinfo, sizeof(cpuinfo) - 1);
	cpuinfo[len > 0 ? len : 0] = '\0';
	snapshot_add_processor(cpuinfo, sb);
}

size_t snapshot_best_slots(const struct vm_config *config)
{
	size_t n = machine_disks(config);

	return n <= VM_MAX_RESERVED_SLOTS ? n : 0;
}

/* qemu's command line as it is booted, with nothing of what the user attaches. */
static void add_bare_line(struct strbuf *sb, const struct vm_config *config,
	const struct profile *profile, size_t slots)
{
	struct vm_config bare = *config;
	struct vm_launcher launcher;
	const struct machine_fds no_fds = {0};
	CLEANUP_STRVEC struct strvec argv = {0};

	bare.n_disks = 0;
	bare.network = NULL;
	bare.n_shares = 0;
	bare.attachable = !config->own_init;
	if (config->launcher) {
		launcher = *config->launcher;
		launcher.disks = NULL;
		bare.launcher = &launcher;
	}
	bare.reserved_slots = slots;
	bare.boot_timeout_ms = 0;
	/* The guest sees nothing of it. */
	bare.sandbox = false;
	bare.record = NULL;
	bare.lasting = false;
	machine_argv(&bare, profile, &no_fds, &argv);
	vector_foreach (arg, &argv)
		strbuf_addf(sb, "%s\n", *arg);
}

char *snapshot_identity(
	const struct vm_config *config, const struct profile *profile, size_t slots)
{
	struct strbuf sb = {0};

	add_bare_line(&sb, config, profile, slots);
	const char *const parts[] = {config->kernel, config->initrd, config->root};
	add_file(&sb, config->qemu);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (config->launcher)
			add_file_itself(&sb, parts[i]);
		else if (config->fixed)
			add_open_file(&sb, parts[i], config->part_fds[i]);
		else
			add_file(&sb, parts[i]);
	if (config->fixed)
		strbuf_addf(&sb, "contents %s\n", config->fixed);
	add_host(&sb);
	return strbuf_detach(&sb);
}

/* Where files are is left out: what is in them is for the manifest to say that they share
 * with the snapshot. So is the time zone, which comes with RESUME. */
char *snapshot_portable_identity(
	const struct vm_config *config, const struct profile *profile, struct error *err)
{
	struct vm_config bare = *config;
	struct strbuf sb = {0};

	CLEANUP_FREE char *build = build_id_read(config->qemu, err);
	if (!build)
		return NULL;
	bare.qemu = "qemu";
	bare.kernel = "kernel";
	bare.initrd = "initrd";
	bare.root = "root";
	bare.timezone[0] = '\0';
	add_bare_line(&sb, &bare, profile, 0);
	strbuf_addf(&sb, "qemu of build %s\n", build);
	return strbuf_detach(&sb);
}

/* Its root is a file of its own. Of the disks only what the guest's devices are counts. */
char *snapshot_saved_identity(
	const struct vm_config *config, const struct profile *profile)
{
	static const struct vm_network network = {0};
	static const struct vm_snapshot no_files = {-1, -1};
	const struct machine_fds no_fds = {0};
	static char path[] = "disk", format[] = "raw";
	CLEANUP_FREE struct vm_disk *disks = NULL;
	CLEANUP_STRVEC struct strvec argv = {0};
	struct vm_config bare = *config;
	struct strbuf sb = {0};

	bare.n_disks = config->saved->n_disks;
	disks = xmemdup(config->disks, bare.n_disks * sizeof(disks[0]));
	for (size_t i = 0; i < bare.n_disks; i++) {
		disks[i].path = path;
		disks[i].format = format;
		disks[i].writable = disks[i].overlay = disks[i].block_device = false;
		disks[i].share = NULL;
	}
	bare.disks = disks;
	bare.root = "root";
	bare.network = config->saved->has_network ? &network : NULL;
	bare.n_shares = 0;
	bare.sandbox = false;
	machine_resume_argv(&bare, profile, &no_fds, &no_files, &argv);
	vector_foreach (arg, &argv)
		strbuf_addf(&sb, "%s\n", *arg);
	add_file(&sb, config->qemu);
	add_host(&sb);
	return strbuf_detach(&sb);
}

/* ---- Resuming ---- */

/* ignore_shared: memory that is a file already is no part of the stream. */
static json_t *capabilities(bool ignore_shared, bool events)
{
	return json_pack("{s:[{s:s, s:b}, {s:s, s:b}]}", "capabilities", "capability",
		"x-ignore-shared", "state", ignore_shared, "capability", "events",
		"state", events);
}

int snapshot_ask_load(struct vm *vm, const struct vm_snapshot *snapshot,
	bool stands_still, struct error *err)
{
	CLEANUP_FREE char *uri = xasprintf("fd:%d", snapshot->state_fd);

	vm->phase = PHASE_LOADING;
	if (qmp_execute(&vm->qmp, "migrate-set-capabilities",
		    capabilities(!snapshot->is_checkpoint, stands_still), -1, err) < 0 ||
		qmp_execute(&vm->qmp, "migrate-incoming", json_pack("{s:s}", "uri", uri),
			-1, err) < 0)
		return -1;
	return 0;
}

int snapshot_ask_run(struct vm *vm, struct error *err)
{
	return qmp_execute(&vm->qmp, "cont", NULL, -1, err) < 0 ? -1 : 0;
}

/* ---- Taking ---- */

static bool answers_all_pings(const struct vm *vm)
{
	return agent_pings(vm->guest.agent) == 0;
}

static bool is_saved(const struct vm *vm)
{
	return vm->phase == PHASE_SAVED;
}

static bool never(const struct vm *vm)
{
	(void)vm;
	return false;
}

int snapshot_write(struct vm *vm, struct error *err)
{
	vm->phase = PHASE_SAVING;
	if (qmp_execute(&vm->qmp, "migrate-set-capabilities", capabilities(true, true),
		    -1, err) < 0 ||
		qmp_execute(&vm->qmp, "getfd", json_pack("{s:s}", "fdname", "state"),
			vm->state_fd, err) < 0 ||
		qmp_execute(&vm->qmp, "migrate", json_pack("{s:s}", "uri", "fd:state"),
			-1, err) < 0)
		return -1;
	enum loop_end end = loop_until(vm, is_saved, monotonic_ms() + SAVE_MS, err);
	if (end == LOOP_TIME_OVER)
		return error_set(err, ETIMEDOUT, "qemu does not write its state");
	return end == LOOP_DONE ? 0 : -1;
}

static int save(struct vm *vm, struct error *err)
{
	/* An answer shows that the agent waits, and nothing is on its way. */
	agent_prepare_snapshot(vm->guest.agent, vm->placeholders);
	agent_ping(vm->guest.agent);
	enum loop_end end =
		loop_until(vm, answers_all_pings, monotonic_ms() + SAVE_MS, err);
	if (end == LOOP_TIME_OVER)
		return error_set(
			err, ETIMEDOUT, "the guest does not get ready for a snapshot");
	if (end == LOOP_LOST ||
		loop_until(vm, never, monotonic_ms() + SETTLE_MS, err) < 0)
		return -1;
	return snapshot_write(vm, err);
}

int vm_save(struct vm *vm, struct error *err)
{
	if (vm->phase != PHASE_UP)
		return error_set(err, ESRCH, "take a snapshot: the VM has ended");
	int result = save(vm, err);
	failure_end(vm, LOSS_FINAL);
	return result < 0 ? error_prefix(err, "take a snapshot") : 0;
}
