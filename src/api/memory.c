/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is there memory for one more VM? Each claims what it may come to take; one that is to be sure
 * of it waits until it is free. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "api/handle.h"
#include "base/control.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "vm/accel.h"

/* What qemu may take itself, besides the guest's memory. With TCG there is also the code that it
 * has translated: by default 1 GiB, or an eighth of the host's memory if that is less. */
#define QEMU_BYTES ((uint64_t)128 << 20)
#define CODE_BYTES ((uint64_t)1024 << 20)
/* Between two looks. */
#define LOOK_MS 200
#define BUSY_MS 10

#define MIB(bytes) ((unsigned long long)(bytes) >> 20)

static uint64_t most_of(const struct hypermin *h, bool kvm)
{
	uint64_t host = (uint64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);

	return ((uint64_t)handle_memory_mib(h) << 20) + QEMU_BYTES +
		(kvm ? 0 : MIN(CODE_BYTES, host / 8));
}

static bool will_take_kvm(const struct hypermin *h, const char *qemu)
{
	const struct verdict_key key = {h->cache.fd, qemu, h->appliance.kernel};
	struct accel_choice choice;

	accel_choose(h->accel, h->architecture, &key, &choice);
	bool kvm = choice.kvm;
	accel_choice_done(&choice);
	return kvm;
}

static int error_short(struct hypermin *h, uint64_t bytes, const struct memory_room *room)
{
	if (bytes > room->total)
		return error_set(&h->error, ENOMEM,
			"start the VM: it may take %llu MiB, and the host has %llu MiB; ask "
			"for less with --memory",
			MIB(bytes), MIB(room->total));
	return error_set(&h->error, ENOMEM,
		"start the VM: it may take %llu MiB; the host has %llu MiB free, of which %u "
		"other VMs may come to take %llu MiB; ask for less with --memory, or wait "
		"longer with --wait-memory",
		MIB(bytes), MIB(room->available), room->n_claims, MIB(room->promised));
}

/* -1: an interrupt ends the wait. */
static int pause_for(struct hypermin *h, int ms)
{
	struct pollfd pfd = {h->control[0], POLLIN, 0};
	struct control_message message;

	if (poll(&pfd, 1, ms) > 0 && control_read(h->control[0], &message) &&
		message.what == CONTROL_INTERRUPT)
		return control_error(message.signal, &h->error);
	return 0;
}

static int wait_for_room(struct hypermin *h, uint64_t bytes)
{
	int64_t deadline = monotonic_ms() + h->wait_memory_ms;
	bool said = false;

	for (;;) {
		struct memory_room room;
		enum memory_result result = memory_claim_if_free(
			"/proc", bytes, &h->memory_claim, &room, &h->error);

		if (result == MEMORY_CLAIMED || result == MEMORY_FAILED)
			return result;
		if (result == MEMORY_SHORT &&
			(bytes > room.total || monotonic_ms() >= deadline))
			return error_short(h, bytes, &room);
		if (result == MEMORY_SHORT && !said) {
			log_notice(
				"waiting for %llu MiB of memory: %llu MiB are free, of which "
				"%u other VMs may come to take %llu MiB",
				MIB(bytes), MIB(room.available), room.n_claims,
				MIB(room.promised));
			said = true;
		}
		if (pause_for(h, result == MEMORY_BUSY ? BUSY_MS : LOOK_MS) < 0)
			return -1;
	}
}

int handle_claim_memory(struct hypermin *h, const char *qemu)
{
	struct error ignored;

	/* Of an earlier try to start it. */
	if (h->memory_claim.name)
		return 0;
	if (h->wait_memory_ms)
		return wait_for_room(h, most_of(h, will_take_kvm(h, qemu)));
	/* Those that wait have to know of it; it waits for nobody. */
	if (memory_claim(most_of(h, false), &h->memory_claim, &ignored) < 0)
		log_debug("%-s", ignored.msg);
	return 0;
}

void handle_confirm_memory(const struct hypermin *h)
{
	memory_claim_set(
		&h->memory_claim, most_of(h, vm_ran_as(h->vm).kvm), vm_process(h->vm));
}

int hypermin_set_wait_memory(struct hypermin *h, unsigned ms)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	h->wait_memory_ms = ms;
	return 0;
}
