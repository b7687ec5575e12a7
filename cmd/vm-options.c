/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of commands that start or use a VM: what it is made of, and the command. */
#include "vm-options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interrupt.h"

static int take_env(const struct option_row *row, void *member, const char *value)
{
	const char *ours = strchr(value, '=') ? NULL : getenv(value);
	char *pair;

	if (*value == '=')
		return options_complain(
			"--env takes NAME=VALUE or NAME, not '%s'", value);
	if (!ours && !strchr(value, '='))
		return options_complain("--env %s: there is no such variable here; give "
					"it a value: --env %s=VALUE",
			value, value);
	if (asprintf(&pair, ours ? "%s=%s" : "%s", value, ours) < 0)
		abort();
	(void)row;
	options_list_add(member, pair);
	return 0;
}

static int take_cwd(const struct option_row *row, void *member, const char *value)
{
	(void)row;
	if (*value != '/')
		return options_complain(
			"--cwd takes an absolute path in the guest, not '%s'", value);
	*(const char **)member = value;
	return 0;
}

/* In the host's tree the variables are right that name places in it. Those that are given
 * by --env come later, and win. */
static int take_host(const struct option_row *row, void *target, const char *value)
{
	static const char *const names[] = {
		"HOME", "PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", NULL};
	struct vm_options *o = target;
	struct option_list ours = {0};

	for (const char *const *name = names; *name; name++)
		if (getenv(*name))
			take_env(row, &ours, *name);
	for (size_t i = 0; i < o->env.len; i++)
		options_list_add(&ours, o->env.items[i]);
	free(o->env.items);
	o->env = ours;
	return settings_take(row, &o->vm, value);
}

static int take_timeline(const struct option_row *row, void *target, const char *value)
{
	struct vm_options *o = target;

	o->timeline = true;
	return settings_take(row, &o->vm, value);
}

static int take_gdb(const struct option_row *row, void *target, const char *value)
{
	struct vm_options *o = target;

	o->gdb = true;
	return settings_take(row, &o->vm, value);
}

#define AT(member) offsetof(struct vm_options, member)
#define READY_MAX  64

static const struct option_row command_rows[] = {
	{OPTION_CALL, "env", 'e', "NAME[=VALUE]",
		"set a variable; without a value, as it is here", AT(env),
		.take = take_env},
	{OPTION_CALL, "cwd", 'w', "DIR", "run the command in this directory",
		AT(command.cwd), .take = take_cwd},
	{OPTION_TEXT, "user", 'u', "USER[:GROUP]",
		"run it as this user, by name or number", AT(command.user)},
	{OPTION_SECONDS, "timeout", 0, "SECONDS",
		"end the command after this time, with status 124",
		AT(command.timeout_ms)},
	{OPTION_FLAG, "no-stdin", 'n', NULL, "give it no input, and do not read ours",
		AT(no_stdin)},
	{OPTION_FLAG, "no-terminal", 'T', NULL,
		"give it pipes, even if ours are terminals", AT(no_terminal)},
	{0},
};

static const struct option_row result_rows[] = {
	{OPTION_CALL, "artifacts", 0, "PATH:DIR",
		"when the command has ended, however it has, copy this file or tree of the guest "
		"to this directory",
		AT(artifacts), .take = artifacts_take},
	{OPTION_CALL, "report", 0, "FILE",
		"write there, as JSON, how the run ended, and what it took", AT(report),
		.take = report_take},
	{0},
};

static const struct option_row disk_rows[] = {
	{OPTION_CALL, "disk", 'd', "FILE[:rw|:snapshot][:FORMAT][:OPTION…]",
		"attach a disk image, the first as /dev/vda; read-only without :rw, and with "
		":snapshot what is written is dropped; an OPTION is block=BYTES or "
		"serial=TEXT",
		AT(vm), .take = settings_take},
	{0},
};

static const struct option_row start_rows[] = {
	{OPTION_CALL, "cold", 0, NULL, "boot: use no snapshot, and have none made",
		AT(vm), .take = settings_take},
	{OPTION_CALL, "wait-memory", 0, "SECONDS",
		"wait so long for the memory that the VM may take, with what others may take, and "
		"then fail",
		AT(vm), .take = settings_take},
	{0},
};

static const struct option_row verbose_rows[] = {
	{OPTION_COUNT, "verbose", 'v', NULL,
		"say what is chosen and where the time goes; -vv: and the console",
		AT(log.verbose)},
	{0},
};

static const struct option_row timeline_rows[] = {
	{OPTION_CALL, "timeline", 0, "FILE.svg|FILE.json",
		"draw a chart of where the time of the start goes",
		.take = take_timeline},
	{0},
};

static const struct option_row kernel_rows[] = {
	{OPTION_CALL, "append", 0, "WORDS",
		"more words for the kernel's command line; boots, and so do the next two",
		AT(vm), .take = settings_take},
	{OPTION_CALL, "qemu-arg", 0, "ARG", "one more argument for qemu", AT(vm),
		.take = settings_take},
	{OPTION_CALL, "gdb", 0, "[=[PORT][:wait]]",
		"let gdb connect to this port, 1234 by default, and print how; with :wait the "
		"VM starts when gdb says so",
		.take = take_gdb},
	{OPTION_FLAG, "dry-run", 0, NULL,
		"print qemu's command line, to start it by hand: then there is a shell on the "
		"console in place of the command",
		AT(dry_run)},
	{0},
};

static const struct option_row entrypoint_rows[] = {
	{OPTION_TEXT, "entrypoint", 0, "COMMAND",
		"run this in place of the image's own entrypoint and words; '': none",
		AT(command.entrypoint), .may_be_empty = true},
	{0},
};

static const struct option_row warm_rows[] = {
	{OPTION_NUMBER, "disks", 0, "N", "for runs with up to N disks, 0 to 8; default 0",
		AT(disks), .max = HYPERMIN_WARM_DISKS},
	{OPTION_NUMBER, "ready", 0, "N",
		"also keep N VMs that have resumed already, for runs with the same options",
		AT(ready), .max = READY_MAX},
	{OPTION_SECONDS, "idle", 0, "SECONDS",
		"with --ready: end a VM that has waited this long; default 600",
		AT(idle_ms)},
	{OPTION_FLAG, "if-built", 0, NULL,
		"only if the appliance is in the cache and no other process takes one",
		AT(if_built)},
	{OPTION_COUNT, "verbose", 'v', NULL, "say what is chosen; -vv: and the console",
		AT(log.verbose)},
	{0},
};

static const struct option_row attach_rows[] = {
	{OPTION_CALL, "share", 's', "DIR[:PLACE][:rw|:served]",
		"mount this directory in the VM, at its own path or at PLACE; read-only "
		"without :rw; as it is now, on a disk, with :served",
		AT(vm), .take = settings_take},
	{OPTION_CALL, "rw", 0, "DIR[:PLACE]", "the same as --share DIR:rw", AT(vm),
		.take = settings_take},
	{OPTION_CALL, "overlay", 0, "DIR[:PLACE][:served]",
		"the same, writable in the VM and unchanged here", AT(vm),
		.take = settings_take},
	{OPTION_CALL, "host", 0, NULL,
		"run commands in this machine's own tree, as this user; what they write is "
		"dropped",
		.take = take_host},
	{OPTION_CALL, "net", 0, NULL, "let the VM use the network as this user can",
		AT(vm), .take = settings_take},
	{OPTION_CALL, "forward", 0, "[ADDRESS:]PORT:PORT[/udp]",
		"pass connections to this port of ours on to that one of the VM", AT(vm),
		.take = settings_take},
	{OPTION_CALL, "reach", 0, "HOST:PORT",
		"let the VM connect to this endpoint, and to nothing else", AT(vm),
		.take = settings_take},
	{0},
};

static const struct option_row session_rows[] = {
	{OPTION_TEXT, "name", 0, "NAME",
		"the session's name; default: the first free one of vm1, vm2, …",
		AT(name)},
	{OPTION_SECONDS, "idle", 0, "SECONDS",
		"end it when no command has run in it for this time; default: never",
		AT(idle_ms)},
	{0},
};

static const struct option_row detach_rows[] = {
	{OPTION_FLAG, "detach", 0, NULL,
		"return when the command runs, and let it go on, without our streams",
		AT(command.detached)},
	{0},
};

#define ATTACH	"What the VM can reach"
#define SYSTEM	"What the VM is made of"
#define MACHINE "The machine"
#define KERNEL	"For kernel developers"

const struct option_group vm_run_options[] = {
	{"The command", command_rows},
	{"The command", result_rows},
	{ATTACH, attach_rows},
	{SYSTEM, settings_package, AT(vm)},
	{SYSTEM, settings_root, AT(vm)},
	{SYSTEM, settings_image, AT(vm), AT(image)},
	{SYSTEM, entrypoint_rows},
	{SYSTEM, settings_kernel, AT(vm)},
	{SYSTEM, settings_appliance, AT(vm), AT(appliance)},
	{SYSTEM, settings_hold, AT(vm)},
	{SYSTEM, settings_from, AT(vm), AT(from)},
	{SYSTEM, settings_cache_dir, AT(vm)},
	{"Disks", disk_rows},
	{MACHINE, settings_size, AT(vm)},
	{MACHINE, settings_machine, AT(vm)},
	{MACHINE, start_rows},
	{KERNEL, kernel_rows},
	{KERNEL, settings_console, AT(vm)},
	{"Messages", verbose_rows},
	{"Messages", timeline_rows},
	{0},
};

const struct option_group vm_start_options[] = {
	{NULL, session_rows},
	{ATTACH, attach_rows},
	{SYSTEM, settings_package, AT(vm)},
	{SYSTEM, settings_root, AT(vm)},
	{SYSTEM, settings_image, AT(vm), AT(image)},
	{SYSTEM, settings_kernel, AT(vm)},
	{SYSTEM, settings_appliance, AT(vm), AT(appliance)},
	{SYSTEM, settings_from, AT(vm), AT(from)},
	{SYSTEM, settings_cache_dir, AT(vm)},
	{"Disks", disk_rows},
	{MACHINE, settings_size, AT(vm)},
	{MACHINE, settings_machine, AT(vm)},
	{MACHINE, start_rows},
	{"Messages", verbose_rows},
	{0},
};

const struct option_group vm_exec_options[] = {
	{"The command", command_rows},
	{"The command", detach_rows},
	{"Messages", verbose_rows},
	{0},
};

const struct option_group vm_warm_options[] = {
	{NULL, warm_rows},
	{SYSTEM, settings_package, AT(vm)},
	{SYSTEM, settings_root, AT(vm)},
	{SYSTEM, settings_image, AT(vm)},
	{SYSTEM, settings_kernel, AT(vm)},
	{SYSTEM, settings_appliance, AT(vm)},
	{SYSTEM, settings_hold, AT(vm)},
	{SYSTEM, settings_cache_dir, AT(vm)},
	{MACHINE, settings_size, AT(vm)},
	{MACHINE, settings_machine, AT(vm)},
	{KERNEL, settings_console, AT(vm)},
	{0},
};

int vm_main(const struct options *options, int argc, char **argv,
	int (*act)(struct vm_options *o, const char *const *words))
{
	struct vm_options o = {
		.vm = hypermin_new(), .command = HYPERMIN_COMMAND_INIT, .report.fd = -1};
	int status = EXIT_OURS;

	int first = options_parse(options, argc, argv, &o);
	command_log_start(&o.log);
	if (first == OPTIONS_HELPED)
		status = 0;
	else if (first > 0)
		status = act(&o, (const char *const *)argv + first);
	interrupt_release();
	hypermin_free(o.vm);
	for (size_t i = 0; i < o.env.len; i++)
		free((char *)o.env.items[i]);
	free(o.env.items);
	artifacts_free(&o.artifacts);
	return status;
}
