/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a VM is made of: qemu, its monitor, the conversation with the guest, and the
 * commands under way.
 *
 * The files that share this are a stack. Each calls only those below it:
 *
 *	start.c
 *	vm.c, exec.c, let-go.c
 *	snapshot.c, checkpoint.c, plug.c, measure.c
 *	block-job.c
 *	loop.c
 *	events.c, failure.c
 *	halt.c
 *
 * Nothing but events.c and loop.c takes in what qemu and the guest say. The others ask for
 * something, and have the loop turn until struct vm shows that it has come.
 */
#pragma once

#include <poll.h>

#include "base/child.h"
#include "vm/console.h"
#include "vm/disk-lock.h"
#include "vm/profile.h"
#include "vm/qmp.h"
#include "vm/streams.h"
#include "vm/terminal.h"
#include "vm/vm.h"

/* A VM goes through these in order, but not through all. */
enum vm_phase {
	/* Until the guest's agent says that it is ready. */
	PHASE_BOOTING,
	/* qemu reads a snapshot. */
	PHASE_LOADING,
	/* It has, and the guest stands still. */
	PHASE_LOADED,
	/* The guest runs again, and gives itself an identity of its own. */
	PHASE_RESUMING,
	/* The agent takes requests. */
	PHASE_UP,
	/* An appliance with an /init of its own runs. There is no agent any more, or none. */
	PHASE_LET_GO,
	/* The guest stands still while it is written down, and will go on. */
	PHASE_FROZEN,
	/* The guest stands still, and qemu writes its state down. */
	PHASE_SAVING,
	PHASE_SAVED,
	/* The guest has unmounted its disks, and does nothing more. */
	PHASE_STOPPED,
	/* qemu has ended or was killed. */
	PHASE_OVER,
};

/* Why a VM is over: what it says of other ways to start it. */
enum vm_loss {
	LOSS_NONE,
	/* The guest did not boot, or did not answer, or its kernel panicked. */
	LOSS_GUEST,
	/* The guest ran, and said why it can't go on. */
	LOSS_GAVE_UP,
	/* qemu did not take its command line, for a reason that is not known here. */
	LOSS_REFUSED,
	/* qemu has not the machine; or it lacks what the root's bus takes. */
	LOSS_NO_MACHINE,
	LOSS_NO_BUS,
	/* It can't filter its own system calls: built without that, or the host forbids
	 * it. */
	LOSS_NO_SANDBOX,
	/* No other way would do better: it was interrupted, a disk is in use, there is too
	 * little memory, qemu can't be run. */
	LOSS_FINAL,
};

/* Text that others write. */
struct text_channel {
	int fd; /* -1: closed */
	struct console text;
};

/* Has the guest's kernel stopped without switching the machine off? See halt.c. */
struct halt {
	/* Up to this byte its console was looked at. */
	size_t said;
	/* So many answers of the agent are to come, the last of them to our question. 0:
	 * nothing is asked. */
	unsigned pongs;
	int64_t asked_ms;
	/* qemu was told to end. */
	bool told;
};

/* The conversation with the guest. */
struct guest {
	struct agent *agent;
	int fd; /* -1: closed */
	/* It is lost when it says nothing for this long, even when it is asked. */
	unsigned silence_ms;
	int64_t heard_ms;
	/* When it was asked for a sign of life; 0: there is no question under way. */
	int64_t ping_ms;
	struct halt halt;
	/* Why it can't go on, in its own words; "": it can. */
	char gave_up[MESSAGE_MAX + 1];
	/* It was told what its machine has beyond disks, and has not answered. */
	bool is_attaching;
	/* It was told the time, since it runs freely. */
	bool clock_is_set;

	struct agent_boot_times boot_times;
	/* For a timeline; when the first came, as monotonic_us(). */
	VECTOR(struct agent_boot_event) boot_events;
	int64_t spoke_us;

	/* The answer to agent_list_block_devices(). */
	bool has_listed;
	struct agent_block_device *devices;
	size_t n_devices;
};

/* What qemu says on QMP that somebody waits for. */
struct qmp_wait {
	/* Of the command; 0: nobody waits. The answer sets it to 0 again. */
	int id;
	/* The answer: one of them is set. */
	json_t *result;
	char *error;
	/* A command failed that nobody waits for: the text, or NULL. */
	char *refusal;
};

enum vm_exec_phase {
	EXEC_SENT,
	EXEC_RUNNING,
	/* `result` is set. */
	EXEC_DONE,
	/* Nothing more is done for it, for the reason in `error`. */
	EXEC_FAILED,
};

/* A command under way. */
struct vm_exec {
	struct vm *vm;
	/* The agent's. */
	unsigned number;
	enum vm_exec_phase phase;
	struct streams streams;
	/* Its first word. */
	char *name;
	/* In the guest it has a terminal. */
	bool has_terminal;
	/* Its input is typed here; NULL: it is not, or the key that ends it is not ours to find. */
	struct terminal *terminal;
	struct hypermin_result result;
	/* Why the command could not be started, or EXEC_FAILED; else empty. */
	struct error error;
	/* 0: none */
	int64_t deadline_ms;
	/* SIGTERM was sent when the deadline came. */
	bool timed_out;
	/* As monotonic_us(). 0: it has not started. */
	int64_t sent_us, started_us;
};

struct vm {
	enum vm_phase phase;
	/* With PHASE_OVER: whether another way of starting it may do better. */
	enum vm_loss loss;
	struct child qemu;
	/* Of the directories that it shares; zero: there are none. */
	struct child share_server;
	/* Of each share that is a disk. */
	struct child *disk_servers;
	size_t n_disk_servers;
	struct qmp qmp;
	struct qmp_wait qmp_wait;
	/* qemu's stderr. */
	struct text_channel messages;
	struct guest guest;
	struct text_channel console;
	VECTOR(struct vm_exec *) execs;
	/* What the loop polls; only its memory is kept. */
	VECTOR(struct pollfd) polled;
	struct disk_lock *locks;
	size_t n_locks;
	int control_fd, owner_fd;

	int64_t started_ms;
	/* It was resumed from a snapshot. */
	bool is_resumed;
	struct profile profile;
	/* As vm_config has it. */
	char *hold;
	bool may_be_copied;
	/* By which a snapshot of it is found; NULL: there can't be one. */
	char *identity;
	/* For a snapshot that is to be taken: the caller's file, or -1; and how many of
	 * its disks are placeholders. */
	int state_fd;
	size_t placeholders;
	/* NULL: not wanted. */
	struct timeline *timeline;
};

/* ---- exec.c ---- */

/* Nanoseconds since 1970, for the guest's clock. */
int64_t vm_realtime_ns(void);
/* A command that still runs gets SIGHUP, and nobody is told how it ends. */
void vm_exec_free(struct vm_exec *exec);

/* ---- vm.c ---- */

/* Launch and wait for the agent, once. */
enum vm_loss vm_boot(const struct vm_config *config, const struct profile *profile,
	int64_t deadline_ms, struct vm **ret, struct error *err);

/* The same with a VM that resumes from a snapshot. */
enum vm_loss vm_resume(const struct vm_config *config, const struct profile *profile,
	const struct vm_snapshot *snapshot, int64_t deadline_ms, struct vm **ret,
	struct error *err);

/* Have another qemu read a checkpoint and write it as a snapshot, to config->record. */
enum vm_loss vm_rewrite(const struct vm_config *config, const struct profile *profile,
	int checkpoint_fd, int64_t deadline_ms, struct error *err);

/* ---- checkpoint.c ---- */

/* Have a guest in PHASE_FROZEN run. -1: it is over. */
int checkpoint_go_on(struct vm *vm, struct error *err);

/* ---- plug.c ---- */

/* Attach them to a VM that stands still. The guest does not know of them yet. */
int plug_disks(
	struct vm *vm, const struct vm_open_disk *disks, size_t n, struct error *err);
/* Put a socket behind a port whose chardev led nowhere (machine.c). The VM runs: qemu refuses
 * while it stands still. */
int plug_port(struct vm *vm, const char *chardev, int fd, struct error *err);

/* ---- block-job.c ---- */

/* What the arguments of a command have to call its job. */
#define BLOCK_JOB "job"
/* Have qemu execute a command of its block layer that takes long, and wait for its end. */
int block_job_run(
	struct vm *vm, const char *command, json_t *arguments, struct error *err);

/* ---- loop.c ---- */

enum loop_end {
	/* The VM is over, and the error says why. */
	LOOP_LOST = -1,
	LOOP_DONE = 0,
	LOOP_TIME_OVER = 1,
};

/* One turn: wait until something is to be served, or one of the caller's own descriptors is
 * ready, or the time `deadline_ms` comes (monotonic_ms(); 0: never); serve it. `done` may be
 * NULL; it says that the end of qemu is none too soon. -1: the VM is over. */
int loop_turn(struct vm *vm, struct pollfd *own, size_t n_own,
	bool (*done)(const struct vm *vm), int64_t deadline_ms, struct error *err);
/* Serve all descriptors until `done`, or the time `deadline_ms`. */
enum loop_end loop_until(struct vm *vm, bool (*done)(const struct vm *vm),
	int64_t deadline_ms, struct error *err);
/* Have qemu execute a command, and wait for its answer, which is the caller's to free.
 * `arguments` are freed; pass_fd as in qmp_execute(). -1: it failed, or the time is over; or
 * the VM is. */
int loop_execute(struct vm *vm, const char *command, json_t *arguments, int pass_fd,
	int64_t deadline_ms, json_t **ret, struct error *err);
/* The same without a deadline, for a command whose result says nothing. */
int loop_order(struct vm *vm, const char *command, json_t *arguments, int pass_fd,
	struct error *err);

/* ---- events.c ---- */

extern const struct agent_handler vm_agent_handler;
/* The command has ended, or is given up for its time limit. */
void events_end_command(struct vm_exec *exec, enum hypermin_outcome outcome, int status);

void vm_on_qmp(const struct qmp_message *message, void *vm);

/* ---- halt.c ---- */

/* There is something new on the guest's console. */
void halt_notice(struct vm *vm);
/* The guest has answered a ping. */
void halt_answered(struct vm *vm);
/* When halt_check() has something to do; INT64_MAX: never. */
int64_t halt_deadline(const struct vm *vm);
void halt_check(struct vm *vm, int64_t now);

/* ---- failure.c ---- */

/* Kill qemu: the VM is over. */
void failure_end(struct vm *vm, enum vm_loss loss);
/* The same, with an error that has the console's last lines. `num` is the kind of error,
 * for callers; its text is not added. Always -1. */
int failure_set(struct vm *vm, enum vm_loss loss, struct error *err, int num,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* If another process uses a disk, a qemu that loads a snapshot only prints so, and waits
 * instead of ending. If it has printed that: kill it; -1. Else 0. */
int failure_if_waiting(struct vm *vm, struct error *err);
/* qemu has ended by itself: say why. Always -1. */
int failure_explain_end(struct vm *vm, struct error *err);
