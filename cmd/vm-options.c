/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of `run`, `shell` and `warm`: what the VM is made of, and the command. */
#include "vm-options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interrupt.h"

/* ---- The option table ---- */

static int refused(struct vm_options *o)
{
	return options_complain("%s", hypermin_error(o->vm));
}

static bool is_format(const char *word)
{
	static const char *const formats[] = {
		"raw", "qcow2", "qed", "vmdk", "vdi", "vhdx", "vpc"};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(word, formats[i]) == 0)
			return true;
	return false;
}

/*
 * FILE, and behind it at most one of :rw and :ro and one :FORMAT, in any order. A file
 * named "x:rw" is said as "x:rw:ro": the second access word belongs to the name.
 */
static int take_disk(void *target, const char *value)
{
	struct vm_options *o = target;
	char *path = strdup(value);
	const char *access = NULL, *format = NULL;
	char *colon;

	if (!path)
		abort();
	while ((colon = strrchr(path, ':'))) {
		const char *word = colon + 1;
		bool is_access = strcmp(word, "rw") == 0 || strcmp(word, "ro") == 0;
		if (is_access && !access)
			access = word;
		else if (is_format(word) && !format)
			format = word;
		else
			break;
		*colon = '\0';
	}
	bool writable = access && strcmp(access, "rw") == 0;
	o->writable_disks |= writable;
	int result = hypermin_add_disk(o->vm, path, format, writable);
	free(path);
	return result < 0 ? refused(o) : 0;
}

static int take_package(void *target, const char *value)
{
	struct vm_options *o = target;
	return hypermin_add_package(o->vm, value) < 0 ? refused(o) : 0;
}

static int take_root(void *target, const char *value)
{
	struct vm_options *o = target;
	return hypermin_set_root(o->vm, value) < 0 ? refused(o) : 0;
}

static int take_appliance(void *target, const char *value)
{
	struct vm_options *o = target;
	return hypermin_set_appliance(o->vm, value) < 0 ? refused(o) : 0;
}

static int take_memory(void *target, const char *value)
{
	struct vm_options *o = target;
	char *end;

	errno = 0;
	unsigned long mib = strtoul(value, &end, 10);
	if (*end == 'G' || *end == 'g')
		mib = mib > 4096 * 1024ul ? mib : mib * 1024;
	if (*end && strchr("MmGg", *end))
		end++;
	if (errno || end == value || *end || *value == '-' || mib > 4096 * 1024ul)
		return options_complain(
			"--memory takes MiB, or a number with M or G, not '%s'", value);
	return hypermin_set_memory(o->vm, mib) < 0 ? refused(o) : 0;
}

static int take_cpus(void *target, const char *value)
{
	struct vm_options *o = target;
	unsigned long cpus;

	if (options_number("cpus", value, 1, 255, &cpus) < 0)
		return -1;
	return hypermin_set_cpus(o->vm, cpus) < 0 ? refused(o) : 0;
}

static int take_kernel(void *target, const char *value)
{
	struct vm_options *o = target;
	o->kernel = value;
	return 0;
}

static int take_modules(void *target, const char *value)
{
	struct vm_options *o = target;
	o->modules_dir = value;
	return 0;
}

static int take_accel(void *target, const char *value)
{
	struct vm_options *o = target;
	return hypermin_set_accelerator(o->vm, value) < 0 ? refused(o) : 0;
}

static int take_machine(void *target, const char *value)
{
	struct vm_options *o = target;
	return hypermin_set_machine(o->vm, value) < 0 ? refused(o) : 0;
}

static int take_root_bus(void *target, const char *value)
{
	struct vm_options *o = target;
	return hypermin_set_root_bus(o->vm, value) < 0 ? refused(o) : 0;
}

static int take_plain(void *target, const char *value)
{
	struct vm_options *o = target;
	(void)value;
	return hypermin_set_plain(o->vm, true) < 0 ? refused(o) : 0;
}

static int take_timeline(void *target, const char *value)
{
	struct vm_options *o = target;

	o->timeline = true;
	return hypermin_set_timeline(o->vm, value) < 0 ? refused(o) : 0;
}

static int take_cold(void *target, const char *value)
{
	struct vm_options *o = target;
	(void)value;
	return hypermin_set_cold(o->vm, true) < 0 ? refused(o) : 0;
}

static int take_disks(void *target, const char *value)
{
	struct vm_options *o = target;
	return options_number("disks", value, 0, HYPERMIN_WARM_DISKS, &o->disks);
}

static int take_if_built(void *target, const char *value)
{
	struct vm_options *o = target;
	(void)value;
	o->if_built = true;
	return 0;
}

void vm_options_add_env(struct vm_options *o, char *pair)
{
	o->env = reallocarray(o->env, o->n_env + 2, sizeof(o->env[0]));
	if (!o->env || !pair)
		abort();
	o->env[o->n_env++] = pair;
	o->env[o->n_env] = NULL;
}

static int take_env(void *target, const char *value)
{
	struct vm_options *o = target;
	const char *ours;
	char *pair;

	if (*value == '\0' || *value == '=')
		return options_complain(
			"--env takes NAME=VALUE or NAME, not '%s'", value);
	if (strchr(value, '=')) {
		vm_options_add_env(o, strdup(value));
		return 0;
	}
	ours = getenv(value);
	if (!ours)
		return options_complain("--env %s: it is not set here", value);
	if (asprintf(&pair, "%s=%s", value, ours) < 0)
		abort();
	vm_options_add_env(o, pair);
	return 0;
}

static int take_cwd(void *target, const char *value)
{
	struct vm_options *o = target;

	if (*value != '/')
		return options_complain(
			"--cwd takes an absolute path in the guest, not '%s'", value);
	o->command.cwd = value;
	return 0;
}

static int take_user(void *target, const char *value)
{
	struct vm_options *o = target;
	o->command.user = value;
	return 0;
}

static int take_timeout(void *target, const char *value)
{
	struct vm_options *o = target;
	return options_seconds("timeout", value, &o->command.timeout_ms);
}

static int take_boot_timeout(void *target, const char *value)
{
	struct vm_options *o = target;
	unsigned ms;

	if (options_seconds("boot-timeout", value, &ms) < 0)
		return -1;
	return hypermin_set_boot_timeout(o->vm, ms) < 0 ? refused(o) : 0;
}

static int take_silence_timeout(void *target, const char *value)
{
	struct vm_options *o = target;
	unsigned ms;

	if (options_seconds("silence-timeout", value, &ms) < 0)
		return -1;
	return hypermin_set_silence_timeout(o->vm, ms) < 0 ? refused(o) : 0;
}

static int take_cache_dir(void *target, const char *value)
{
	struct vm_options *o = target;
	return hypermin_set_cache_dir(o->vm, value) < 0 ? refused(o) : 0;
}

static int take_no_stdin(void *target, const char *value)
{
	struct vm_options *o = target;
	(void)value;
	o->command.stdin_fd = -1;
	return 0;
}

static int take_no_terminal(void *target, const char *value)
{
	struct vm_options *o = target;
	(void)value;
	o->no_terminal = true;
	return 0;
}

static void print_log(enum hypermin_log_level level, const char *line, void *data)
{
	struct vm_options *o = data;

	if (level == HYPERMIN_LOG_NOTICE && !o->verbose && !isatty(STDERR_FILENO))
		return;
	/* The terminal may be in raw mode. */
	fprintf(stderr, "hypermin: %s%s\n", line, o->command.terminal ? "\r" : "");
}

static int take_verbose(void *target, const char *value)
{
	struct vm_options *o = target;

	(void)value;
	o->verbose++;
	hypermin_set_log(
		print_log, o, o->verbose > 1 ? HYPERMIN_LOG_DEBUG : HYPERMIN_LOG_INFO);
	return 0;
}

/* What a VM is made of: who prepares a VM for others names the same. */
#define MACHINE_OPTIONS                                                                  \
	{"package", 'p', "NAME", "have this package of the host in the VM, too",         \
		take_package},                                                           \
		{"root", 0, "DIR", "boot the system installed in DIR, not this machine", \
			take_root},                                                      \
		{"memory", 'm', "SIZE",                                                  \
			"guest memory in MiB, or with G; default 1024", take_memory},    \
		{"cpus", 'c', "N", "virtual CPUs; default 1", take_cpus},                \
		{"kernel", 0, "FILE", "boot this kernel", take_kernel},                  \
		{"modules", 0, "DIR", "its modules; default /lib/modules/VERSION",       \
			take_modules},                                                   \
		{"accel", 0, "auto|kvm|tcg",                                             \
			"accelerator; auto takes KVM only where it works", take_accel},  \
		{"machine", 0, "auto|pc|q35|microvm|virt", "machine to emulate",         \
			take_machine},                                                   \
		{"root-bus", 0, "BUS",                                                   \
			"where the root disk is: auto, memmap, virtio-blk, "             \
			"virtio-pmem, virtio-scsi, nvme, pmem, ide, scsi-cdrom or "      \
			"ide-cdrom",                                                     \
			take_root_bus},                                                  \
		{"plain", 0, NULL,                                                       \
			"boot without the settings that only make it faster",            \
			take_plain},                                                     \
		{"boot-timeout", 0, "SECONDS", "how long booting may take; default 120", \
			take_boot_timeout},                                              \
		{"cache-dir", 0, "DIR", "default $XDG_CACHE_HOME/hypermin",              \
			take_cache_dir}

const struct option_row vm_option_table[] = {
	{"disk", 'd', "FILE[:rw][:FORMAT]",
		"attach a disk image, the first as /dev/vda; read-only without :rw",
		take_disk},
	{"appliance", 0, "DIR", "run this appliance, which `hypermin build` wrote",
		take_appliance},
	{"env", 'e', "NAME[=VALUE]", "set a variable; without a value, the caller's",
		take_env},
	{"cwd", 'w', "DIR", "run the command in this directory", take_cwd},
	{"user", 'u', "USER[:GROUP]", "run it as this user, by name or number",
		take_user},
	{"timeout", 0, "SECONDS", "end the command after this time, with status 124",
		take_timeout},
	{"no-stdin", 'n', NULL, "give it no input; do not read ours", take_no_stdin},
	{"no-terminal", 'T', NULL, "give it pipes, even between terminals",
		take_no_terminal},
	{"timeline", 0, "FILE.svg|FILE.json", "draw a chart of what the start took",
		take_timeline},
	{"silence-timeout", 0, "SECONDS", "how long a running guest may hang; default 60",
		take_silence_timeout},
	{"cold", 0, NULL, "boot, and do not go on from a snapshot or have one made",
		take_cold},
	MACHINE_OPTIONS,
	{"verbose", 'v', NULL,
		"say what was chosen and where the time went; -vv: and the console",
		take_verbose},
	{0},
};

const struct option_row vm_machine_option_table[] = {
	MACHINE_OPTIONS,
	{"disks", 0, "N", "for runs with as many disks, 0 to 8; default 0", take_disks},
	{"if-built", 0, NULL,
		"only if the appliance is in the cache, and nobody else is at it",
		take_if_built},
	{"verbose", 'v', NULL, "say what was chosen; -vv: and the console", take_verbose},
	{0},
};

/* ---- All of it ---- */

void vm_options_init(struct vm_options *o)
{
	*o = (struct vm_options){.vm = hypermin_new(), .command = HYPERMIN_COMMAND_INIT};
	o->command.stdin_fd = STDIN_FILENO;
	hypermin_set_log(print_log, o, HYPERMIN_LOG_NOTICE);
}

void vm_options_done(struct vm_options *o)
{
	interrupt_release();
	hypermin_free(o->vm);
	for (size_t i = 0; i < o->n_env; i++)
		free(o->env[i]);
	free(o->env);
}
