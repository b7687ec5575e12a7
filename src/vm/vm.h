/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One VM: start qemu, wait for the guest's agent, run commands through it, end it.
 *
 *	vm_start() ──► commands ──► vm_stop() ──► vm_free()
 *
 * One poll loop (loop.c) serves everything while a call is under way: the agent's
 * channel, the commands' streams, the console, qemu's messages and its end, and the
 * control pipe. Between calls nothing is served. The windows of the agent's streams limit
 * what piles up meanwhile.
 *
 * Any number of commands run at once. Each goes through
 *
 *	vm_exec_begin() ──► vm_serve() … ──► vm_exec_is_over() ──► vm_exec_end()
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/agent.h"
#include "base/architecture.h"
#include "base/control.h"
#include "base/error.h"
#include "base/vector.h"
#include "hypermin.h"
#include "protocol/boot.h"
#include "vm/timeline.h"

#define VM_MAX_DISKS 200
/* More disks than this get no slots reserved in a snapshot: the guest scans its bus. */
#define VM_MAX_RESERVED_SLOTS 8

enum vm_accel { VM_ACCEL_AUTO, VM_ACCEL_KVM, VM_ACCEL_TCG };

struct vm_share;

struct vm_disk {
	char *path;
	char *format; /* qemu's driver name */
	char *serial; /* NULL: "disk" and its number */
	bool writable;
	/* What the guest writes goes to a file that ends with qemu; the image is only read. */
	bool overlay;
	bool block_device;
	unsigned sector; /* bytes, as the guest sees it */
	/* It is this share, which a process of its own serves (served.h), and `path` is the
	 * directory. NULL: it is an image. */
	const struct vm_share *share;
};

struct vm_forward {
	char address[16]; /* of the host */
	uint16_t host_port, guest_port;
	bool udp;
};

struct vm_endpoint {
	char *host;
	uint16_t port;
};

/* See network.h. */
struct vm_network {
	/* The guest may reach whatever this user can. */
	bool internet;
	VECTOR(struct vm_forward) forwards;
	/* If there is no internet, it may reach these. */
	VECTOR(struct vm_endpoint) endpoints;
};

/* See share.h. */
struct vm_share {
	char *path;	  /* of the host */
	char *place;	  /* of the guest */
	const char *mode; /* of protocol.h */
	int fd;
};

/*
 * A way to boot: a machine, the bus that the root disk is on, and the modules (names as
 * in modprobe) that a kernel needs for it.
 */
struct vm_route {
	const char *machine, *root_bus;
	char *name; /* "pc/virtio-blk" */
	struct strvec modules;
};

struct vm_routes {
	struct vm_route *items; /* the best first */
	size_t len;
	size_t cap;
};

/* A VM that stands still: its memory, and the state of its devices. */
struct vm_snapshot {
	int ram_fd, state_fd;
	/* The memory is still in the state, and ram_fd is an empty file that gets it. So is
	 * root_fd, for a root in memory: that is a part of it. */
	bool is_checkpoint;
	int root_fd;
	/* No other VM resumes from it: the guest may change the file, and its pages are not
	 * there twice. */
	bool is_own;
};

/*
 * The caller's store of snapshots. An identity is the text of all that a snapshot depends
 * on (snapshot.h). A snapshot that was made with the same identity fits.
 */
struct vm_snapshots {
	/* False: there is none. Else the descriptors are vm_start()'s to close. It asks
	 * for the `best` first. */
	bool (*find)(
		const char *identity, bool best, struct vm_snapshot *ret, void *data);
	/* What find() returned can't be resumed. */
	void (*discard)(const char *identity, void *data);
	void *data;
};

/*
 * A saved state: the snapshot of a VM in use, with the user's disks that it had, and its
 * network. VMs that resume from it have the same disks, in front of others, and a network
 * interface, whatever can be reached by that.
 */
struct vm_saved {
	struct vm_snapshot snapshot;
	/* By vm_convert(). */
	const char *identity;
	/* As vm_ran_as() says. */
	struct vm_run {
		bool kvm, plain;
	} ran_as;
	/* The first of vm_config.disks. */
	size_t n_disks;
	bool has_network;
};

/*
 * For a VM that a launcher (libguestfs, say) starts of its own appliance: what the
 * launcher's command line for qemu says beyond kernel, memory and CPUs. Such an appliance
 * has an /init of its own. The VM has no disks of ours. If nothing holds it, its root is one
 * of the devices.
 */
struct vm_launcher {
	/* The value of -cpu; NULL: the profile's. */
	const char *cpu;
	/* Words for the kernel's command line, behind those of the profile. */
	const char *kernel_words;
	/* Devices and what is behind them, as they are written on qemu's command line. */
	const struct strvec *devices;
	/* The disks of a VM that resumes from a snapshot; NULL: none. */
	const struct strvec *disks;
	/* The kernel says on its console what it does. */
	bool verbose;
};

enum vm_part { VM_KERNEL, VM_INITRD, VM_ROOT, VM_PARTS };

struct vm_config {
	const char *qemu; /* path */
	const char *kernel, *initrd, *root;
	/* The same three, open, by enum vm_part: whatever has their names by now. NULL: qemu opens
	 * them by name. */
	const int *part_fds;
	char root_uuid[37];
	uint64_t root_size;	      /* vm_start() sets its own copy of this */
	char timezone[TIMEZONE_SIZE]; /* the host's, for the guest; "": unknown */
	const char *kernel_options;   /* more words for the kernel, or NULL */
	const struct vm_route *route;
	bool plain; /* no setting that only makes the boot faster */
	bool fast;  /* one more: profile.lean */
	/* The guest's kernel says on its console what it does, and that is passed on to our
	 * standard error. */
	bool console;
	/* Words of the user's for qemu's command line, or NULL. If such a VM does not start,
	 * they are the reason: nothing else is tried. */
	const struct strvec *qemu_args;
	/* gdb can connect to this port of the host; 0: it can't. */
	unsigned gdb_port;
	bool gdb_waits; /* the VM does nothing until gdb says so */
	/* vm_line_make(): somebody starts it by hand. There is no agent, but a shell on the
	 * console, and nobody has locked its disks. */
	bool by_hand;
	/* Set if a launcher starts this VM. NULL: hypermin starts it, of an appliance that
	 * hypermin has built. */
	const struct vm_launcher *launcher;
	/* The appliance has an /init of its own, which decides what runs in it. Its only agent
	 * is the companion that holds it. */
	bool own_init;
	/* The virtio-serial port at which it is held, where its /init first writes to that.
	 * NULL: nowhere, and it has no agent. */
	const char *hold;
	enum vm_accel accel;
	unsigned memory_mib;
	unsigned cpus;
	unsigned boot_timeout_ms;
	unsigned silence_timeout_ms; /* of a guest that has booted */
	/* The user's, then a disk for each share that is one. */
	const struct vm_disk *disks;
	size_t n_disks;
	/* Not 0 while a snapshot is made and tried: the VM has at least so many disks.
	 * Those behind the user's are placeholders (snapshot.h). */
	size_t reserved_slots;
	const struct vm_network *network; /* NULL: none */
	const struct vm_share *shares;
	size_t n_shares;
	/* Paths; needed for endpoints, for shares, and for those of them that are disks. */
	const char *reach_program, *share_program, *serve_program;
	/* The guest has the drivers for network and shares; vm_start() sets its own copy of
	 * this. */
	bool attachable;
	struct timeline *timeline; /* gets what happens when; NULL: not wanted */
	/* Resume from one of these if one fits. NULL: always boot. */
	const struct vm_snapshots *snapshots;
	/* Others to try first, which came with the appliance. They are portable, so their
	 * identity has nothing of the host but its qemu. Whoever made the appliance may have
	 * made them, too: qemu loads one only if all layers of confine.h hold it. NULL: none. */
	const struct vm_snapshots *shipped;
	/* But nobody else has made them. */
	bool shipped_is_ours;
	/* Boot a VM of which such a snapshot can be taken. Only with TCG. */
	bool portable;
	/* Resume from this, and never boot. NULL: not wanted. */
	const struct vm_saved *saved;
	/* If it is booted, its memory is in this file, for vm_save(). NULL: no file. */
	const struct vm_snapshot *record;
	/* vm_checkpoint() is possible. */
	bool lasting;
	/* vm_wake() may bring disks. */
	bool awaits_disks;
	/* It starts only if its programs can be confined by all layers of confine.h. */
	bool strict;
	/* qemu filters its own system calls; vm_start() sets its own copy of this. */
	bool sandbox;
	int cache_fd; /* the directory of verdicts.h, or -1 */
	/* Not NULL: somebody else may have made kernel, initrd and root. What a start of them
	 * teaches about qemu, and a snapshot, is for these files alone. The text says what is
	 * in them, as far as their maker can be believed. */
	const char *fixed;
	int control_fd; /* see base/control.h */
};

struct terminal;

struct vm_command {
	struct agent_command agent;
	int stdin_fd, stdout_fd, stderr_fd; /* -1: none */
	/* Where its input is typed, in raw mode: the key that ends it is looked for there. NULL:
	 * it is not. It has to stay until vm_exec_end(). */
	struct terminal *terminal;
	unsigned timeout_ms;
};

struct vm;

/* The first qemu for guests of this architecture in PATH and the usual directories, or
 * what $HYPERMIN_QEMU says. A new string. */
char *vm_find_qemu(const struct architecture *architecture, struct error *err);

struct vm_wishes {
	const char *architecture;
	const char *machine, *root_bus; /* names, or NULL for the best */
};

/* The names there are, by number; NULL behind the last. */
const char *vm_machine_at(size_t i);
const char *vm_root_bus_at(size_t i);
/* The routes that are open. Fails if the wishes leave none. */
int vm_routes_find(
	const struct vm_wishes *wishes, struct vm_routes *ret, struct error *err);
void vm_routes_done(struct vm_routes *routes);
void vm_route_done(struct vm_route *route);

enum vm_start_result {
	VM_NO_START = -1,
	VM_STARTED = 0,
	/* qemu lacks something for this route: try another. */
	VM_NO_ROUTE = 1,
};

/* If it does not start, the error says why and has the console's last lines. Its number
 * is EINTR if the control pipe ended the start. */
enum vm_start_result vm_start(
	const struct vm_config *config, struct vm **ret, struct error *err);
/* It resumed from a snapshot. */
bool vm_is_resumed(const struct vm *vm);
/* The host's memory that it takes, its share of what others have too; -1: unknown. */
int64_t vm_memory_bytes(const struct vm *vm);
/* What qemu has taken of the host so far, or in all if it has ended; -1: unknown. */
struct vm_usage {
	int64_t peak_memory; /* bytes, also those that others share */
	int64_t cpu_us;	     /* of processors, in microseconds */
};
struct vm_usage vm_usage(const struct vm *vm);
/* qemu's. */
pid_t vm_process(const struct vm *vm);
/* "7.2.19"; NULL: unknown. */
const char *vm_qemu_version(const struct vm *vm);
/* It takes commands. */
bool vm_is_running(const struct vm *vm);
/* qemu has ended, or was killed. */
bool vm_is_over(const struct vm *vm);
/* The identity of a snapshot of it; NULL if there can't be one. */
const char *vm_identity(const struct vm *vm);
/* Complete the snapshot in vm_config.record, whose memory file the VM already runs in.
 * The VM ends. */
int vm_save(struct vm *vm, struct error *err);
/* What a copy of it has to be started as. */
struct vm_run vm_ran_as(const struct vm *vm);

/* Where a VM in use is written down; all are the caller's. */
struct vm_checkpoint {
	int fd; /* memory and devices */
	/* For each disk: an empty file that becomes a qcow2 image of what the guest sees
	 * of it, or -1. */
	const int *disk_fds;
	size_t n_disks;
};

/* Write down all of a VM, which goes on afterwards; while that lasts it stands still. -1: it
 * goes on too, unless it is over. */
int vm_checkpoint(struct vm *vm, const struct vm_checkpoint *to, struct error *err);
/* Have it stand still, with nothing under way, until vm_wake(). -1: it is over. */
int vm_pause(struct vm *vm, struct error *err);

/* A VM that wakes takes so many disks at most. */
#define VM_MAX_PLUGGED 8

/* A disk that is open, and locked while one of its descriptors is (disk-lock.h). */
struct vm_open_disk {
	struct vm_disk disk;
	int fd;
	/* An empty file for what the guest writes to a disk with an overlay, else -1. */
	int overlay_fd;
};

/* Can a VM of this route, which waits, be given these disks? */
bool vm_can_plug(const struct vm_route *route, const struct vm_disk *disks, size_t n);
/* Open and lock them. The strings in ret[i].disk stay those of disks[i]. */
int vm_disks_open(const struct vm_disk *disks, size_t n, struct vm_open_disk *ret,
	struct error *err);
void vm_disks_close(struct vm_open_disk *disks, size_t n);
/* What a VM gets when it wakes. Descriptors stay the caller's. */
struct vm_gift {
	struct vm_open_disk disks[VM_MAX_PLUGGED];
	size_t n_disks;
	/* Directories whose server (share.h) is at the other end of share_fd, which the VM has
	 * no other way to: their own descriptors are not used. */
	const struct vm_share *shares;
	size_t n_shares;
	int share_fd; /* -1: there are none */
};

/* Have it go on, with these. -1: it is over, or is to be ended. */
int vm_wake(struct vm *vm, const struct vm_gift *gift, struct error *err);
/*
 * Make a snapshot, in vm_config.record, of the checkpoint that is in checkpoint_fd.
 * vm_config is that of VMs that will resume from it, with vm_config.saved but for the
 * snapshot and the identity. *ret_identity is a new string.
 */
int vm_convert(const struct vm_config *config, int checkpoint_fd, char **ret_identity,
	struct error *err);
/*
 * The end of a VM whose appliance has an /init of its own: let that go on, to the end of the
 * machine. What comes from input_fd (-1: nothing) goes to the port that it was held at, or to
 * the console if it was not held; what it says there goes to output_fd (-1: nowhere). 0: it
 * has ended by itself. -1: it has failed, or the time is over (monotonic_ms(); 0: never), for
 * which the error has ETIMEDOUT.
 */
int vm_let_go(struct vm *vm, int input_fd, int output_fd, int64_t deadline_ms,
	struct error *err);
/* Run a command to its end in a VM that runs no other, without streams. However it ends. */
int vm_rehearse(struct vm *vm, const char *const *argv, struct error *err);

/* A command under way. The descriptors of its streams stay the caller's, and open. */
struct vm_exec;

/* NULL: an error. A terminal has the size that the command says, and stays as it is. */
struct vm_exec *vm_exec_begin(
	struct vm *vm, const struct vm_command *command, struct error *err);
/* The command runs, or has run. */
bool vm_exec_has_started(const struct vm_exec *exec);
bool vm_exec_is_running(const struct vm_exec *exec);
/* It has ended and its output is written, or nothing more can be done for it. */
bool vm_exec_is_over(const struct vm_exec *exec);
void vm_exec_signal(struct vm_exec *exec, int signal);
void vm_exec_resize(struct vm_exec *exec, uint16_t rows, uint16_t columns);
/* Write as much of its output that has come as its descriptors take now; the VM is not
 * needed for that. Returns how many of them the rest waits for, and *ret is what to poll. */
size_t vm_exec_flush(struct vm_exec *exec, struct pollfd ret[static 2]);
/* The end of a command. 0: *ret says how it ended, and if it could not be started the error
 * says why. -1: it failed, for which the error is the reason; or it is not over, and gets
 * SIGHUP, and its streams are closed. `exec` is freed. */
int vm_exec_end(struct vm_exec *exec, struct hypermin_result *ret, struct error *err);
/*
 * Serve the VM and its commands once: wait until there is something to do, one of the
 * caller's own descriptors is ready (see their `revents`), or the time is `deadline_ms`
 * (monotonic_ms(); 0: never). -1: the VM is over, and the error says why.
 */
int vm_serve(struct vm *vm, struct pollfd *own, size_t n_own, int64_t deadline_ms,
	struct error *err);
/*
 * The two halves of vm_serve(), for a caller that polls by itself. First, what to poll and for
 * how many milliseconds (-1: for ever): valid until the next call. Then serve what is ready;
 * `fds` is that list, and nothing was done to the VM and its commands since.
 */
const struct pollfd *vm_list_polled(struct vm *vm, size_t *ret_n, int *ret_timeout_ms);
int vm_serve_polled(struct vm *vm, const struct pollfd *fds, struct error *err);
/* From here on the loop takes interrupts from this pipe instead of vm_config.control_fd; -1:
 * it takes none, and they are the caller's to read. */
void vm_set_control(struct vm *vm, int control_fd);
/* The VM is over when the other end closes this connection; -1: there is none. */
void vm_set_owner(struct vm *vm, int owner_fd);
/* *ret is the caller's to free. */
int vm_block_devices(struct vm *vm, struct agent_block_device **ret, size_t *ret_len,
	struct error *err);
/* The last lines of the guest's console, printable, with a newline behind each; a new string. */
char *vm_console_tail(const struct vm *vm, unsigned lines);
/* The guest unmounts its disks first, which may take long. If a time limit was given for all
 * (time_over_ms, by monotonic_ms(); 0: there is none), it has what is left of that, and
 * VM_STOP_PATIENCE times silence_timeout_ms more. */
#define VM_STOP_PATIENCE 10
int vm_stop(struct vm *vm, int64_t time_over_ms, struct error *err);

/* The start of a VM whose qemu the caller becomes, or hands to another. */
struct vm_line {
	/* qemu's, from argv[0] on. */
	struct strvec argv;
	/* What a snapshot of it is found by; NULL: there can't be one. */
	char *identity;
	/* It resumes from this; -1 and -1: it boots. qemu inherits both. */
	struct vm_snapshot snapshot;
	bool kvm;
};

/*
 * The serial console is on qemu's standard input and output. `agent_fd` and `qmp_fd` are
 * qemu's ends of the channels of a VM that resumes; one that boots has neither.
 */
int vm_line_make(const struct vm_config *config, int agent_fd, int qmp_fd,
	struct vm_line *ret, struct error *err);
void vm_line_done(struct vm_line *line);
/* End it without the guest. Only vm_free() waits until qemu is gone. */
void vm_kill(struct vm *vm);
void vm_free(struct vm *vm);
