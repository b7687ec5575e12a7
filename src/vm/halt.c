/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A kernel without ACPI can stop but not switch the machine off. Its last words on the
 * console tell us to do that. But root in the guest can write them there too, so the agent
 * is asked, and a guest that answers has not stopped:
 *
 *	last words ──► ping ──► pong: it goes on       no pong: qemu is told to end
 */
#include "base/log.h"
#include "base/monotonic.h"
#include "vm/state.h"

/* Far more than an emulated guest takes to answer. */
#define ANSWER_MS 3000

static size_t last_words_end(const struct vm *vm)
{
	static const char *const last_words[] = {"] reboot: Power down",
		"] reboot: System halted",
		/* Linux 6.12, where nothing can switch the machine off. */
		"] reboot: Power off not available: System halted instead"};
	size_t end = 0;

	for (size_t i = 0; i < ARRAY_SIZE(last_words); i++) {
		size_t found = console_end_of(&vm->console.text, last_words[i]);
		end = MAX(end, found);
	}
	return end;
}

void halt_notice(struct vm *vm)
{
	struct halt *h = &vm->guest.halt;
	size_t said = last_words_end(vm);

	if (h->told || h->pongs || said <= h->said)
		return;
	h->said = said;
	agent_ping(vm->guest.agent);
	/* Earlier pings are answered first. */
	h->pongs = agent_pings(vm->guest.agent);
	h->asked_ms = monotonic_ms();
	/* An agent that is not up takes no ping, and will not answer. */
	if (!h->pongs)
		h->asked_ms -= ANSWER_MS;
}

void halt_answered(struct vm *vm)
{
	struct halt *h = &vm->guest.halt;

	if (!h->pongs || --h->pongs)
		return;
	h->asked_ms = 0;
	halt_notice(vm);
}

int64_t halt_deadline(const struct vm *vm)
{
	const struct halt *h = &vm->guest.halt;

	return h->asked_ms && !h->told ? h->asked_ms + ANSWER_MS : INT64_MAX;
}

void halt_check(struct vm *vm, int64_t now)
{
	struct error err;

	if (now < halt_deadline(vm))
		return;
	vm->guest.halt.told = true;
	if (qmp_execute(&vm->qmp, "quit", NULL, -1, &err) < 0)
		log_debug("%-s", err.msg);
}
