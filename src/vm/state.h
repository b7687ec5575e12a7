/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a running VM is made of. */
#pragma once

#include <poll.h>

#include "base/supervise.h"
#include "vm/console.h"
#include "vm/profile.h"
#include "vm/streams.h"
#include "vm/vm.h"

/* The command under way. */
struct vm_exec {
	const struct vm_command *command;
	struct streams streams;
	struct hypermin_result result;
	struct error *start_error; /* why the command could not be started */
	bool running;		   /* the guest said so */
	bool done;
	bool interrupted;    /* one signal was passed on: the next one ends the VM */
	int64_t deadline_ms; /* 0: none */
	bool timed_out;
	int64_t sent_us, started_us; /* as timeline_now() */
};

/* Has the guest's kernel stopped, with nobody to switch the machine off? */
struct halt {
	size_t said;	/* up to there its console was looked at */
	unsigned pongs; /* up to the one that says that it goes on; 0: nothing is asked */
	int64_t asked_ms; /* 0: the same */
	bool told;	  /* qemu, to end */
};

struct vm {
	struct supervised qemu;
	int agent_fd, qmp_fd, console_fd, messages_fd; /* -1 once closed */
	int control_fd;
	struct agent *agent;
	struct console console;	 /* the guest's */
	struct console messages; /* qemu's stderr */

	struct timeline *timeline; /* NULL: nobody wants it */
	VECTOR(struct agent_boot_event) boot_events;
	int64_t spoke_us;    /* the agent, first; as timeline_now() */
	struct strbuf stats; /* what QMP answers */
	bool stats_wanted, stats_came;

	bool dead; /* nothing can be asked of it any more */
	bool ready, stopped, pong;
	struct strbuf qmp; /* the start of a line whose end has not come */
	bool loading;	   /* qemu reads the snapshot */
	bool loaded;	   /* the guest goes on, or *fatal says why not */
	bool resumed;	   /* and has become a machine of its own */
	bool has_run;	   /* a command; its clock is right */
	char *identity;
	int state_fd;	     /* see vm_config.record; not ours */
	size_t placeholders; /* among its disks */
	struct agent_boot_times boot_times;
	char fatal[1024]; /* what the guest said it could not do; "" */
	struct halt halt;
	bool no_machine; /* qemu has no such machine */
	bool no_route;	 /* or has not what the root's bus takes */
	bool hopeless;	 /* why it was lost has nothing to do with how it was started */

	struct vm_exec *exec; /* NULL between commands */
	bool devices_listed;
	struct agent_block_device *devices;
	size_t n_devices;

	unsigned silence_ms; /* the guest may say nothing for so long */
	int64_t started_ms;
	int64_t heard_ms; /* when the guest last said anything */
	int64_t ping_ms;  /* when it was asked for a sign of life; 0: no ping under way */
};

/* ---- vm.c ---- */

/* Launch and wait for the agent, once. *ret is set in either case, for vm_free(). */
int vm_boot(const struct vm_config *config, const struct profile *profile,
	int64_t deadline_ms, struct vm **ret, struct error *err);

/* The same with a VM that goes on from a snapshot. */
int vm_resume(const struct vm_config *config, const struct profile *profile,
	const struct vm_snapshot *snapshot, int64_t deadline_ms, struct vm **ret,
	struct error *err);

/* If it has not ended yet: it writes out what its block layer holds, and ends. */
void vm_ask_qemu_to_end(struct vm *vm);

/* ---- loop.c ---- */

/*
 * Serve all descriptors until *done, or the time `deadline_ms` (io_now_ms(); 0: never)
 * has come. Returns 1 when the time is over; -1 when the VM is lost: then it is dead and
 * the error says why.
 */
int loop_until(struct vm *vm, const bool *done, int64_t deadline_ms, struct error *err);
/* The command has ended: wait until the caller's descriptors have taken its output, of
 * which all has come. The VM is not needed for that. */
int loop_flush_output(struct vm *vm, struct error *err);

/* ---- events.c ---- */

extern const struct agent_handler vm_agent_handler;
/* The command under way has ended, or its VM has for its time limit. */
void events_end_command(struct vm_exec *exec, enum hypermin_outcome outcome, int status);

/* ---- halt.c ---- */

/* There is something new on the guest's console. */
void halt_notice(struct vm *vm);
/* The guest has answered a ping. */
void halt_answered(struct vm *vm);
/* When halt_check() has something to do; INT64_MAX: never. */
int64_t halt_deadline(const struct vm *vm);
void halt_check(struct vm *vm, int64_t now);

/* ---- failure.c ---- */

/* End qemu and set an error that has the console's last lines. Always -1. */
int failure_set(struct vm *vm, struct error *err, int num, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* 0, or -1 with an error if qemu has said that a disk is in use: when it goes on from a
 * snapshot it does not end then. */
int failure_if_waiting(struct vm *vm, struct error *err);
/* qemu has ended by itself: say why. Always -1. */
int failure_explain_end(struct vm *vm, struct error *err);
