/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much of the host's memory this user's VMs may still come to take. A VM that has just
 * started takes little of its guest's memory and may later take all of it, so what is free now
 * says nothing of whether there is room for one more.
 *
 *	DIR/.memory-PID-N   a VM's claim: "BYTES QEMU", locked by its process as long as that
 *	                    lives. One without a lock is a killed process's: the next that
 *	                    makes a claim removes it
 *	DIR/.memory.turn    locked by a process that looks for room and claims it
 *
 * DIR is that of session.h. Every VM has a claim; only those that want to be sure of the memory
 * look at the others'.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct memory_claim {
	int dir_fd, fd;
	char *name; /* NULL: there is none */
};

/* In bytes. */
struct memory_room {
	/* Of the host. */
	uint64_t total, available;
	/* What others have claimed and don't take yet. */
	uint64_t promised;
	unsigned n_claims;
};

enum memory_result {
	MEMORY_FAILED = -1,
	MEMORY_CLAIMED = 0,
	/* There is no room for it now. */
	MEMORY_SHORT = 1,
	/* Another process looks just now: ask again at once. */
	MEMORY_BUSY = 2,
};

/* Claim it, whether there is room or not. */
int memory_claim(uint64_t bytes, struct memory_claim *ret, struct error *err);
/* The same if there is room. `proc` is /proc, or a test's. *ret_room is set if it is claimed, or
 * if there is no room. */
enum memory_result memory_claim_if_free(const char *proc, uint64_t bytes,
	struct memory_claim *ret, struct memory_room *ret_room, struct error *err);
/* It is for so much now, and this process takes it: what that has is not counted twice. */
void memory_claim_set(const struct memory_claim *claim, uint64_t bytes, pid_t pid);
/* Of none, too. */
void memory_claim_release(struct memory_claim *claim);
