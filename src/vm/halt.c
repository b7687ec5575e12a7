/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A kernel without ACPI can stop but not switch the machine off: that is for us to do
 * when its last words are on the console. But whoever is root in the guest can write them
 * there too. So the agent is asked, and a guest that answers has not stopped:
 *
 *	last words ──► ping ──► pong: it goes on       no pong: qemu is told to end
 */
#include "base/io.h"
#include "vm/state.h"

/* Far more than an emulated guest takes to answer. */
#define ANSWER_MS 3000

static size_t last_words_end(const struct vm *vm)
{
	static const char *const last_words[] = {
		"] reboot: Power down", "] reboot: System halted"};
	size_t end = 0;

	for (size_t i = 0; i < ARRAY_SIZE(last_words); i++)
		end = MAX(end, console_end_of(&vm->console, last_words[i]));
	return end;
}

void halt_notice(struct vm *vm)
{
	struct halt *h = &vm->halt;
	size_t said = last_words_end(vm);

	if (h->told || h->pongs || said <= h->said)
		return;
	h->said = said;
	agent_ping(vm->agent);
	/* Earlier ones are answered first. */
	h->pongs = agent_pings(vm->agent);
	h->asked_ms = io_now_ms();
	/* Nobody is there to answer yet. */
	if (!h->pongs)
		h->asked_ms -= ANSWER_MS;
}

void halt_answered(struct vm *vm)
{
	struct halt *h = &vm->halt;

	if (!h->pongs || --h->pongs)
		return;
	h->asked_ms = 0;
	halt_notice(vm);
}

int64_t halt_deadline(const struct vm *vm)
{
	return vm->halt.asked_ms && !vm->halt.told ? vm->halt.asked_ms + ANSWER_MS
						   : INT64_MAX;
}

void halt_check(struct vm *vm, int64_t now)
{
	if (now < halt_deadline(vm))
		return;
	vm->halt.told = true;
	vm_ask_qemu_to_end(vm);
}
