/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's side of the conversation with the agent in the guest: a state machine on
 * bytes, without I/O. Its owner has the descriptors, passes in the bytes that came, and
 * sends those that wait:
 *
 *	bytes from the guest ──► agent_receive() ──► struct agent_handler's functions
 *	agent_exec(), agent_send_stdin(), … ──► agent_output() ──► bytes to the guest
 *
 * protocol.h has the frames. The guest is not trusted: each length, type, stream and
 * order is checked, and a breach is an error after which the VM has to end.
 *
 * Many commands run at once, known by their numbers. Each stream of each has its own
 * window: a command that never reads its input, or a host that does not take the output,
 * stops only that stream.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "protocol/protocol.h"

struct agent;

/* Guest times in microseconds since its kernel started. */
struct agent_boot_times {
	uint64_t init_started;
	uint64_t modules_loaded;
	uint64_t root_found;
	uint64_t root_mounted;
	uint64_t ready;
};

struct agent_block_device {
	char name[32]; /* "vda": the node is /dev/NAME */
	uint64_t size; /* bytes */
	bool read_only;
	char serial[32]; /* as the disk says it, "" where it has none */
};

/* Something that took time, in microseconds since the kernel started, by the clock of its
 * messages. */
struct agent_boot_event {
	enum boot_event_kind kind;
	uint64_t begin, end;
	char name[BOOT_EVENT_NAME_MAX + 1]; /* printable */
};

/* What can happen. A function that is NULL is not called. They may call the functions
 * below, except agent_receive() and agent_free(). `data` is agent_new()'s; what happens to
 * a command gets the command's owner instead, which is agent_exec()'s. */
struct agent_handler {
	/* Before `ready`, if the guest was asked for them. */
	void (*boot_event)(const struct agent_boot_event *event, void *data);
	/* First of all: the guest is up. */
	void (*ready)(const struct agent_boot_times *times, void *data);
	/* The guest can't go on (no root disk, …): the message is for the user,
	 * printable. */
	void (*fatal)(const char *message, void *data);
	/* The command runs; or it could not be started: errnum is the guest's, step says
	 * what failed ("execute 'foo'", "change directory to '/x'", "find user 'y'"). */
	void (*started)(void *owner);
	void (*start_failed)(
		enum start_failure failure, int errnum, const char *step, void *owner);
	/* Output of the command; call agent_output_taken() once it is written. */
	void (*output)(enum stream_id stream, const void *bytes, size_t len, void *owner);
	/* The command runs on, but has closed its standard input: don't send more. */
	void (*stdin_closed)(void *owner);
	/* The guest ran out of memory and killed this process; printable. */
	void (*out_of_memory)(const char *process, void *owner);
	/* The command ended and all its output has been delivered. With a signal other
	 * than 0, that killed it; else it exited with `code`. */
	void (*exited)(int code, int signal, void *owner);
	void (*block_devices)(
		const struct agent_block_device *devices, size_t n, void *data);
	void (*pong)(void *data);
	/* All file systems are unmounted and synced: qemu can be ended. */
	void (*stopped)(void *data);
	/* What agent_resume() asked for is done. */
	void (*resumed)(void *data);
	/* What agent_attach() asked for is done. */
	void (*attached)(void *data);
};

struct agent_command {
	const char *const *argv; /* NULL-terminated, argv[0] is searched in PATH inside */
	const char *const *env;	 /* NULL-terminated NAME=VALUE: set on top of the default
				    environment */
	const char *cwd;	 /* NULL: the user's home, or / */
	const char *user;	 /* NULL: root. NAME, UID, NAME:GROUP or UID:GID */
	bool stdin_closed;	 /* no input at all: /dev/null */
	bool terminal;		 /* stdin and stdout are one pseudo-terminal */
	bool stderr_apart;	 /* with terminal: stderr is a pipe of its own */
	uint16_t rows, columns;	 /* with terminal */
	bool in_host; /* in the tree of the share with the mode ATTACH_MODE_HOST */
};

/* Add an exec request of protocol.h, however long it is. */
void agent_command_encode(const struct agent_command *c, struct strbuf *sb);

struct agent_share {
	const char *mode;  /* SHARE_… in protocol.h */
	const char *place; /* a path in the guest */
};

struct agent_attachments {
	/* NULL: no network. The strings are as in struct attach_request. */
	const struct agent_network {
		const char *address, *netmask, *gateway, *resolver, *hosts;
	} * network;
	const struct agent_share *shares;
	size_t n_shares;
	/* That the guest's kernel does not know yet: it scans its bus. */
	size_t n_disks;
};

/* Of a guest that boots. */
struct agent *agent_new(const struct agent_handler *handler, void *data);
void agent_free(struct agent *a);

/* Bytes from the guest, in any pieces. Returns how many frames ended in these. -1: the guest
 * broke the protocol; the agent is dead. */
int agent_receive(struct agent *a, const void *bytes, size_t len, struct error *err);

/* What waits to be sent to the guest; 0 bytes when nothing does. */
const void *agent_output(const struct agent *a, size_t *ret_len);
void agent_output_sent(struct agent *a, size_t len);

/* The command's number, which is the caller's until agent_release(); 0: an error. It fails
 * if the strings are too long for one request (1 MiB), or the guest is not ready for a
 * command: not up yet, or COMMANDS_MAX of them are running. */
unsigned agent_exec(struct agent *a, const struct agent_command *command, void *owner,
	struct error *err);
/* The owner has done with this command. If it has not ended, its streams are closed, and
 * nobody is told what happens to it. */
void agent_release(struct agent *a, unsigned command);
/* Of a command that has ended the following say or do nothing. */

/* How many bytes of input may be sent now: 0 if its input is closed, or much waits to be
 * sent already. */
size_t agent_stdin_room(const struct agent *a, unsigned command);
void agent_send_stdin(struct agent *a, unsigned command, const void *bytes, size_t len);
void agent_send_stdin_eof(struct agent *a, unsigned command);
/* `len` bytes from output() are written or thrown away: the guest may send as many
 * again. */
void agent_output_taken(
	struct agent *a, unsigned command, enum stream_id stream, size_t len);
/* This output has no reader any more: the command gets SIGPIPE or EPIPE when it writes. */
void agent_close_output(struct agent *a, unsigned command, enum stream_id stream);
/* To the command's process group. */
void agent_send_signal(struct agent *a, unsigned command, int signal);
void agent_send_window_size(
	struct agent *a, unsigned command, uint16_t rows, uint16_t columns);
void agent_ping(struct agent *a);
/* How many pings have no answer yet. */
unsigned agent_pings(const struct agent *a);
/* A snapshot is about to be taken: have the guest prepare for agent_resume(), and unbind the
 * placeholders in this many reserved disk slots. If that fails, `fatal` comes. */
void agent_prepare_snapshot(struct agent *a, unsigned disk_slots);
/* The guest is about to be written down; commands may run in it. Send a ping after this: once
 * agent_pings() is 0, no frame is on its way, and the guest answers nothing but pings until
 * agent_thaw(). The caller has to thaw it again. */
void agent_freeze(struct agent *a);
void agent_thaw(struct agent *a);
void agent_list_block_devices(struct agent *a);
/* Set the guest's clock: nanoseconds since 1970. */
void agent_set_clock(struct agent *a, int64_t realtime_ns);
/*
 * The first request to a guest that resumes from a snapshot; its hello went to the
 * snapshot's maker. It gets the time, the number of its disks, and RESUME_SEED_SIZE random
 * bytes, so that no two guests draw the same random numbers; and the host's time zone. Then
 * `resumed` comes, or `fatal`.
 */
void agent_resume(struct agent *a, const struct resume_request *request);
/* The machine has these: have the guest use them. Then `attached` comes, or `fatal`. It may
 * follow agent_resume() at once, but no command may run. Fails if the strings are too long
 * for one frame. */
int agent_attach(
	struct agent *a, const struct agent_attachments *what, struct error *err);
/* End all processes, unmount, sync; then `stopped` comes. */
void agent_stop(struct agent *a);
