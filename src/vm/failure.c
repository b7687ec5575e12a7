/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why a VM was lost, in words for its user: what qemu said, whether the guest's kernel
 * panicked, and the console's last lines.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "base/message.h"
#include "vm/served.h"
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

void failure_end(struct vm *vm, enum vm_loss loss)
{
	child_kill(&vm->qemu);
	vm->phase = PHASE_OVER;
	vm->loss = loss;
}

int failure_set(struct vm *vm, enum vm_loss loss, struct error *err, int num,
	const char *fmt, ...)
{
	CLEANUP_STRBUF struct strbuf sb = {0};
	char headline[ERROR_MSG_SIZE];
	va_list ap;

	failure_end(vm, loss);
	va_start(ap, fmt);
	message_format(headline, sizeof(headline), fmt, ap);
	va_end(ap);
	strbuf_adds(&sb, headline);
	add_tail(&sb, &vm->messages.text, "qemu said:");
	add_tail(&sb, &vm->console.text, "The guest's console ends with:");
	error_set(err, 0, "%-s", sb.data);
	if (err)
		err->num = num;
	return -1;
}

/*
 * ---- What qemu's own words mean ----
 *
 * qemu ends with status 1 whatever is wrong, so only its words tell one reason from
 * another. What a disk image alone can be asked, disk.c asks before qemu starts.
 */

static bool qemu_said(const struct vm *vm, const char *what)
{
	CLEANUP_FREE char *found = console_find(&vm->messages.text, what);
	return found != NULL;
}

static bool disk_is_in_use(const struct vm *vm)
{
	return qemu_said(vm, "Is another process using the image");
}

/* qemu repeats the option, JSON or that of a disk with :snapshot, and then says what is
 * wrong. */
static char *blockdev_advice(const struct vm *vm)
{
	CLEANUP_FREE char *line = console_find(&vm->messages.text, ": -blockdev ");
	const char *why = NULL;

	for (const char *end = line; end && (end = strstr(end, "}: ")); end += 3)
		why = end + 3;
	if (!line &&
		(line = console_find(&vm->messages.text, ": -drive if=none,id=disk"))) {
		const char *name = strstr(line, "file.filename=");
		why = name ? strstr(name, ": ") : NULL;
		why = why ? why + 2 : NULL;
	}
	return line ? xasprintf("qemu can't open a disk image: %s",
			      why ? why : "it is damaged, or was changed just now")
		    : NULL;
}

/* What to do about it, as a new string; NULL: the words speak for themselves. */
static char *advice(const struct vm *vm)
{
	static const struct {
		const char *said, *advice;
	} rows[] = {
		{"bytes for jit buffer",
			"this user's virtual memory is limited (ulimit -v), and qemu needs 1 GiB of "
			"it for translated code besides the guest's: raise the limit"},
		{"Cannot allocate memory",
			"the host has not enough free memory for the guest: ask for less with "
			"--memory"},
		{"cannot set up guest memory",
			"the host has not enough free memory for the guest: ask for less with "
			"--memory"},
		{"Resource temporarily unavailable",
			"this user may have no more processes and threads: see ulimit -u"},
	};
	CLEANUP_FREE char *served = NULL;

	if ((served = console_find(&vm->messages.text, SERVED_ERROR)))
		return xstrdup(served + strlen(SERVED_ERROR));
	if (disk_is_in_use(vm))
		return xstrdup(
			"a disk image is in use by another process, another VM most "
			"likely: end that one, or attach the image read-only in both");
	char *text = blockdev_advice(vm);
	for (size_t i = 0; i < ARRAY_SIZE(rows) && !text; i++)
		if (qemu_said(vm, rows[i].said))
			text = xstrdup(rows[i].advice);
	return text;
}

/*
 * Of a VM that did not start: what its end says of other ways to start it.
 *
 * The words are those of the qemus from 4.2 to 10. They save attempts: without them a
 * refused command line is tried with fewer settings, and then another route is taken, but
 * what is missing is not remembered. To ask qemu what it has takes as long as to start it.
 */
static enum vm_loss judge_end(const struct vm *vm, const struct ended *ended)
{
	if (ended->how == ENDED_NO_EXEC || ended->how == ENDED_UNKNOWN ||
		(ended->how == ENDED_SIGNALED && ended->value == SIGKILL))
		return LOSS_FINAL;
	if (qemu_said(vm, "-sandbox") || qemu_said(vm, "'sandbox'") ||
		qemu_said(vm, "seccomp"))
		return LOSS_NO_SANDBOX;
	/* Has this qemu not the machine, or not a property of it that came later? */
	if (qemu_said(vm, "unsupported machine type") || qemu_said(vm, "-machine."))
		return LOSS_NO_MACHINE;
	/* Has it not the device, or not the memory that is a file? */
	if (qemu_said(vm, ": -object ") ||
		qemu_said(vm, "is not a valid device model name"))
		return LOSS_NO_BUS;
	if (ended->how == ENDED_EXITED && ended->value != 0 && !vm->console.text.total)
		return LOSS_REFUSED;
	return LOSS_GUEST;
}

int failure_if_waiting(struct vm *vm, struct error *err)
{
	const struct console *c = &vm->messages.text;

	/* qemu writes a line in several pieces: judge only whole lines. */
	if (console_end_of(c, "\n") != c->total || !disk_is_in_use(vm))
		return 0;
	CLEANUP_FREE char *text = advice(vm);
	return failure_set(vm, LOSS_FINAL, err, 0, "start the VM: %s", text);
}

int failure_explain_end(struct vm *vm, struct error *err)
{
	const char *verb = vm->phase < PHASE_UP ? "start" : "run";
	struct ended ended = child_wait(&vm->qemu);
	CLEANUP_FREE char *panic = console_find(&vm->console.text, "Kernel panic");
	CLEANUP_FREE char *hint = advice(vm);
	enum vm_loss loss = judge_end(vm, &ended);

	if (*vm->guest.gave_up)
		return failure_set(vm, LOSS_GAVE_UP, err, 0,
			"the guest could not go on: %s", vm->guest.gave_up);
	/* Its words may be anybody's, and are not put into advice of ours. */
	if (panic && strstr(panic, "Out of memory"))
		return failure_set(vm, LOSS_FINAL, err, 0,
			"the guest says that it has not enough memory: give it more with "
			"--memory");
	if (panic)
		return failure_set(
			vm, LOSS_GUEST, err, 0, "the guest's kernel panicked: %s", panic);
	if (hint)
		return failure_set(vm, LOSS_FINAL, err, 0, "%s the VM: %s", verb, hint);
	CLEANUP_FREE char *failed = child_describe(ended);
	if (failed)
		return failure_set(vm, loss, err,
			ended.how == ENDED_NO_EXEC ? ended.value : 0, "qemu %s", failed);
	/* All of its /init has run: it is not for us to run it once more. */
	if (vm->phase < PHASE_UP && vm->hold)
		return failure_set(vm, LOSS_FINAL, err, 0,
			"the appliance has ended, and nothing in it has written to the port "
			"'%s'",
			vm->hold);
	if (vm->phase < PHASE_UP)
		return failure_set(vm, loss, err, 0,
			"the guest reset itself before its agent answered");
	return failure_set(
		vm, loss, err, 0, "the guest ended the VM, by a reboot or a power-off");
}
