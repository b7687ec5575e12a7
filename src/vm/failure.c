/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why a VM was lost, in words for its user: what qemu said, whether the guest's kernel
 * panicked, and the console's last lines.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "vm/state.h"

#define TAIL_LINES 12

static void add_tail(struct strbuf *sb, const struct console *c, const char *title)
{
	CLEANUP_FREE char *tail = console_tail(c, TAIL_LINES, "  ");

	if (*tail)
		strbuf_addf(sb, "\n%s\n%s", title, tail);
	while (sb->len && sb->data[sb->len - 1] == '\n')
		sb->data[--sb->len] = '\0';
}

static int set_with_tail(struct vm *vm, struct error *err, int num, const char *what)
{
	CLEANUP_STRBUF struct strbuf sb = {0};

	vm->dead = true;
	supervise_kill(&vm->qemu);
	strbuf_adds(&sb, what);
	add_tail(&sb, &vm->messages, "qemu said:");
	add_tail(&sb, &vm->console, "The guest's console ends with:");
	error_set(err, 0, "%s", sb.data);
	if (err)
		err->num = num;
	return -1;
}

int failure_set(struct vm *vm, struct error *err, int num, const char *fmt, ...)
{
	CLEANUP_STRBUF struct strbuf sb = {0};
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&sb, fmt, ap);
	va_end(ap);
	return set_with_tail(vm, err, num, sb.data);
}

static bool qemu_said(const struct vm *vm, const char *what)
{
	CLEANUP_FREE char *found = console_find(&vm->messages, what);
	return found != NULL;
}

static bool disk_is_in_use(const struct vm *vm)
{
	return qemu_said(vm, "Is another process using the image");
}

/* What qemu's own words mean for the user; NULL for those that speak for themselves. */
static const char *advice(const struct vm *vm)
{
	if (disk_is_in_use(vm))
		return "a disk image is in use by another process, another VM most likely: end that "
		       "one, or attach the image read-only in both";
	if (qemu_said(vm, ": -blockdev "))
		return "qemu can't open a disk image: it is damaged, or was changed just now";
	if (qemu_said(vm, "Cannot allocate memory") ||
		qemu_said(vm, "cannot set up guest memory"))
		return "the host has not enough free memory for the guest: ask for less with "
		       "--memory";
	if (qemu_said(vm, "Resource temporarily unavailable"))
		return "this user may have no more processes and threads: see ulimit -u";
	return NULL;
}

/* Has this qemu not the machine, or not a property of it that came later? */
static bool lacks_machine(const struct vm *vm)
{
	return !vm->ready &&
		(qemu_said(vm, "unsupported machine type") || qemu_said(vm, "-machine."));
}

/* Or not what the root's bus takes: a device, memory that is a file? */
static bool lacks_bus(const struct vm *vm)
{
	return !vm->ready &&
		(qemu_said(vm, ": -object ") ||
			qemu_said(vm, "is not a valid device model name"));
}

/* qemu writes a line in pieces: it has said nothing before the line's end. */
static bool line_is_whole(const struct console *c)
{
	return console_end_of(c, "\n") == c->total;
}

int failure_if_waiting(struct vm *vm, struct error *err)
{
	if (!line_is_whole(&vm->messages) || !disk_is_in_use(vm))
		return 0;
	vm->hopeless = true;
	return failure_set(vm, err, 0, "start the VM: %s", advice(vm));
}

int failure_explain_end(struct vm *vm, struct error *err)
{
	struct ended ended = supervise_wait(&vm->qemu);
	CLEANUP_FREE char *panic = console_find(&vm->console, "Kernel panic");
	const char *hint = advice(vm);

	vm->no_machine = lacks_machine(vm);
	vm->no_route = vm->no_machine || lacks_bus(vm);
	vm->hopeless = hint || ended.how == ENDED_NO_EXEC || ended.how == ENDED_UNKNOWN ||
		(ended.how == ENDED_SIGNALED && ended.value == SIGKILL) ||
		(panic && strstr(panic, "Out of memory"));
	if (*vm->fatal)
		return failure_set(
			vm, err, 0, "the guest could not go on: %s", vm->fatal);
	if (panic && strstr(panic, "Out of memory"))
		return failure_set(vm, err, 0,
			"the guest has not enough memory; give it more with --memory (%s)",
			panic);
	if (panic)
		return failure_set(vm, err, 0, "the guest's kernel panicked: %s", panic);
	if (hint)
		return failure_set(
			vm, err, 0, "%s the VM: %s", vm->ready ? "run" : "start", hint);
	switch (ended.how) {
	case ENDED_NO_EXEC:
		return failure_set(
			vm, err, ended.value, "run qemu: %s", strerror(ended.value));
	case ENDED_SIGNALED:
		return failure_set(vm, err, 0, "qemu was killed by signal %d (%s)",
			ended.value, strsignal(ended.value));
	case ENDED_UNKNOWN:
		return failure_set(vm, err, 0,
			"qemu was lost: the process that watches it was killed");
	case ENDED_EXITED:
		break;
	}
	if (ended.value != 0)
		return failure_set(
			vm, err, 0, "qemu ended with exit status %d", ended.value);
	if (!vm->ready)
		return failure_set(
			vm, err, 0, "the guest reset itself before its agent answered");
	return failure_set(
		vm, err, 0, "the guest ended the VM, by a reboot or a power-off");
}
