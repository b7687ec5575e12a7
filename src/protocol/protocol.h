/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The frames between host and guest, on the byte stream of a virtio-serial port.
 *
 *	 0               4       5        6         8
 *	┌───────────────┬───────┬────────┬─────────┬───────── ─ ─ ─┐
 *	│ payload bytes │ type  │ stream │ command │ payload       │   all numbers little-endian
 *	│ u32, ≤ 64 KiB │ u8    │ u8     │ u16     │               │
 *	└───────────────┴───────┴────────┴─────────┴───────── ─ ─ ─┘
 *
 *	guest  HELLO READY                STARTED  DATA… WINDOW…  EXITED
 *	                 ╲               ╱      ╲ ╱                     ╲
 *	host              EXEC_PART… EXEC        DATA… WINDOW… DATA_END  EXEC …
 *
 * The guest's first frame is HELLO with the version. Then comes READY, or FATAL and nothing
 * more. If the kernel's command line asks for a timeline, BOOT_EVENTs come before READY.
 *
 * Many commands run at once. The host gives each a number, which the frames of the command
 * have, from EXEC to START_FAILED or EXITED; then the number is free. Frames that concern
 * no command have the number 0.
 *
 * A guest that resumes from a snapshot has sent all that before, to the snapshot's maker.
 * Its host begins with RESUME and waits for RESUMED, or FATAL. After that the guest is no
 * longer a clone of others. The maker announces the snapshot by PREPARE_SNAPSHOT.
 *
 * A guest can also be written down while commands run in it. The host sends FREEZE and then
 * PING. After its answer to that PING the guest sends nothing, and handles no frame but PING,
 * until THAW. Then it goes on as if nothing had happened. A VM that resumes from what was
 * written down gets RESUME instead of THAW. Its host does not know the commands that run in
 * the guest: they go on, and the guest sends nothing about them any more.
 *
 * What else the machine has comes with ATTACH, after READY or behind RESUME: the guest
 * configures its network and mounts the host's directories, then says ATTACHED, or FATAL. A
 * guest that has waited, with no command, is also told of the disks that it has got meanwhile.
 *
 * Flow control is by credit, for each stream of each command apart: at EXEC the sender may send
 * PROTOCOL_WINDOW bytes of it, and each WINDOW frame from the receiver allows more. A
 * receiver keeps room for what it has allowed, so DATA of one stream never blocks another
 * stream or a control frame.
 *
 * Frames keep their order, so input that is under way when a command ends arrives before
 * the next EXEC with the same number. The guest drops it, and also any other frame for a
 * command that has ended.
 *
 * Pure functions on bytes. The guest uses them too, so they need nothing but libc.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/boot.h"

/* Raise with every change of what is on the wire, so that the host notices a cached initrd
 * with a guest of another version. */
#define PROTOCOL_VERSION 10
/* The start of HELLO, to recognise what is no agent. */
#define PROTOCOL_MAGIC 0x6e696d68u /* "hmin" */

#define FRAME_HEADER_SIZE 8u
#define FRAME_PAYLOAD_MAX (64u * 1024)
#define PROTOCOL_WINDOW	  (512u * 1024)
/* EXEC_PART payloads together. */
#define EXEC_REQUEST_MAX (1024u * 1024)
/* Commands that run at once; they are numbered from 1 to this. */
#define COMMANDS_MAX	 256u
#define MESSAGE_MAX	 1024u /* the text in FATAL and START_FAILED */
#define PROCESS_NAME_MAX 63

enum frame_type {
	/* guest to host */
	FRAME_HELLO = 1, /* u32 magic, u32 version */
	FRAME_READY,	 /* READY_TIMES × u64 microseconds */
	FRAME_FATAL,	 /* text */
	FRAME_STARTED,	 /* - */
	FRAME_START_FAILED, /* u32 errno, u8 enum start_failure, text: the step that failed */
	FRAME_EXITED,	    /* u8 exit code, u8 signal: one of them is 0 */
	FRAME_BLOCK_DEVICE, /* struct wire_block_device */
	FRAME_BLOCK_DEVICES_END,
	FRAME_PONG,
	FRAME_STOPPED,
	FRAME_RESUMED,	  /* - */
	FRAME_BOOT_EVENT, /* struct below; between HELLO and READY, where the host asked */
	/* text: the process that the kernel killed, while this command ran */
	FRAME_OUT_OF_MEMORY,
	FRAME_ATTACHED, /* - */

	/* both ways */
	FRAME_DATA = 32,   /* bytes of `stream`, at least one */
	FRAME_WINDOW,	   /* u32: how many more bytes of `stream` may come */
	FRAME_DATA_CLOSED, /* `stream` has no reader any more */

	/* host to guest */
	FRAME_EXEC_PART =
		64,	/* a piece of an exec request that is longer than a frame; no
				 other frame comes before its next piece */
	FRAME_EXEC,	/* its last piece */
	FRAME_DATA_END, /* stream 0: end of input */
	FRAME_SIGNAL,	/* u32 */
	FRAME_RESIZE,	/* u16 rows, u16 columns */
	FRAME_PING,
	FRAME_LIST_BLOCK_DEVICES,
	FRAME_SET_CLOCK,	/* u64 nanoseconds since 1970 */
	FRAME_PREPARE_SNAPSHOT, /* u32: the number of disk slots to reserve in it */
	FRAME_FREEZE,		/* - */
	FRAME_THAW,		/* - */
	FRAME_RESUME,		/* struct resume_request */
	FRAME_ATTACH,		/* struct attach_request */
	FRAME_STOP,
};

enum stream_id {
	STREAM_STDIN = 0,
	STREAM_STDOUT = 1,
	STREAM_STDERR = 2,
	STREAM_COUNT = 3,
};

enum {
	READY_TIMES = 5,
	RESUME_SEED_SIZE = 64,
	RESUME_SIZE = 12 + RESUME_SEED_SIZE + TIMEZONE_SIZE,
};

/* Which step of becoming the command failed. The text is for people; this is for
 * programs. */
enum start_failure {
	START_PROCESS, /* a process and its streams */
	START_USER,
	START_DIRECTORY,
	START_ENVIRONMENT,
	START_EXECUTE,
	START_FAILURES,
};
#define START_FAILED_FIXED 5u

struct frame {
	uint8_t type;
	uint8_t stream;
	uint16_t command; /* at most COMMANDS_MAX */
	uint32_t len;
	const uint8_t *payload;
};

/* What a type of frame concerns, and so which numbers it has. */
enum frame_subject {
	OF_THE_MACHINE,
	OF_A_COMMAND,
	OF_A_STREAM, /* of a command */
};
bool frame_concerns(const struct frame *f, enum frame_subject subject);

/*
 * Parse the frame at the start of `data`. Returns its size in bytes, 0 if it is not
 * complete yet, -1 if it can't become a frame. `ret` points into data. Types are not
 * checked here.
 */
long frame_parse(const uint8_t *data, size_t len, struct frame *ret);
/* How many bytes, from the start of the frame, frame_parse() needs to get further. */
size_t frame_want(const uint8_t *data, size_t len);
/* Of a frame that concerns no command. */
void frame_put_header(uint8_t ret[static FRAME_HEADER_SIZE], uint8_t type, uint32_t len);
void frame_put_command_header(uint8_t ret[static FRAME_HEADER_SIZE], uint8_t type,
	uint16_t command, uint8_t stream, uint32_t len);

void wire_put_u16(uint8_t *p, uint16_t v);
void wire_put_u32(uint8_t *p, uint32_t v);
void wire_put_u64(uint8_t *p, uint64_t v);
uint16_t wire_get_u16(const uint8_t *p);
uint32_t wire_get_u32(const uint8_t *p);
uint64_t wire_get_u64(const uint8_t *p);

/* BLOCK_DEVICE: one disk. Names are NUL-padded and not terminated when full. */
#define WIRE_BLOCK_DEVICE_SIZE	 73u
#define WIRE_BLOCK_DEVICE_NAME	 0u  /* 32 bytes */
#define WIRE_BLOCK_DEVICE_SERIAL 32u /* 32 bytes */
#define WIRE_BLOCK_DEVICE_BYTES	 64u /* u64 */
#define WIRE_BLOCK_DEVICE_RO	 72u /* u8: 0 or 1 */
/* More disks than any machine type takes. */
#define BLOCK_DEVICES_MAX 1024

/*
 * BOOT_EVENT: u64 begin, u64 end, both in microseconds since the kernel started, by the
 * clock of its messages; u32 kind; then its name, without a NUL.
 */
#define BOOT_EVENT_FIXED    20u
#define BOOT_EVENT_NAME_MAX 160u
#define BOOT_EVENTS_MAX	    1000u

enum boot_event_kind {
	BOOT_EVENT_KERNEL, /* a message of the kernel's: begin = end */
	BOOT_EVENT_STEP,   /* a step of our init */
	BOOT_EVENT_MODULE, /* loaded */
	BOOT_EVENT_KINDS,
};

/*
 * An exec request: a fixed part, then strings that each end with a NUL, to the last byte:
 *
 *	u16 flags, u16 rows, u16 columns, u16 zero, u32 argc, u32 envc, cwd, user, argv…, env…
 */
#define EXEC_FIXED_SIZE 16u

enum {
	EXEC_STDIN_CLOSED = 1 << 0,
	EXEC_TERMINAL = 1 << 1,
	EXEC_STDERR_APART = 1 << 2,
	/* In the host's tree, if that is attached, and not in the appliance's. */
	EXEC_IN_HOST = 1 << 3,
	EXEC_FLAGS = EXEC_STDIN_CLOSED | EXEC_TERMINAL | EXEC_STDERR_APART | EXEC_IN_HOST,
};

struct exec_request {
	uint16_t flags;
	uint16_t rows, columns;
	uint32_t argc, envc;
	const char *cwd, *user; /* "" where none was given */
	const char *argv, *env; /* the first of each: the next is behind its NUL */
};

/* -1 unless `data` is exactly one well-formed request with at least one argument. The
 * strings stay in data. */
int exec_request_parse(const uint8_t *data, size_t len, struct exec_request *ret);

/* RESUME: u64 nanoseconds since 1970, u32 disks, the seed, the time zone. */
struct resume_request {
	uint64_t realtime_ns;
	uint32_t disks;	     /* of the machine that resumes */
	const uint8_t *seed; /* RESUME_SEED_SIZE random bytes, in the payload */
	/* The host's, as BOOT_TIMEZONE has it: the guest may have booted elsewhere. */
	char timezone[TIMEZONE_SIZE];
};

void resume_request_put(uint8_t ret[static RESUME_SIZE], const struct resume_request *r);
struct resume_request resume_request_get(const uint8_t payload[static RESUME_SIZE]);

/*
 * ATTACH: u16 flags, u16 number of shares, u32 number of new disks, then strings that each end
 * with a NUL, to the last byte: with ATTACH_NETWORK those of the network, then the shares in the
 * order of their numbers, each with its mode and its place in the guest.
 */
#define ATTACH_FIXED_SIZE 8u

enum {
	ATTACH_NETWORK = 1 << 0,
	ATTACH_FLAGS = ATTACH_NETWORK,
};

/* How a directory of the host is mounted: the string in the frame, and in the arguments of
 * hypermin-share. */
#define ATTACH_MODE_READ_ONLY "ro"
#define ATTACH_MODE_WRITABLE  "rw"
/* What the guest writes stays in its memory. */
#define ATTACH_MODE_OVERLAY "overlay"
/* The same, and commands with EXEC_IN_HOST run in it. */
#define ATTACH_MODE_HOST "host"
/* No work of the directory server: it is a file system on a disk, read-only or under an
 * overlay. The disk's serial number is this and the share's number. */
#define ATTACH_MODE_SERVED	   "served"
#define ATTACH_MODE_SERVED_OVERLAY "served-overlay"
#define ATTACH_DISK_SERIAL	   "share"

/* Bytes in one FUSE read or write, which sizes the buffers on both sides. */
#define ATTACH_DATA_MAX (1024u * 1024)

struct attach_request {
	bool has_network;
	/* IPv4, in digits and dots; gateway and resolver are "" where there is none. */
	const char *address, *netmask, *gateway, *resolver;
	/* Lines for /etc/hosts. */
	const char *hosts;
	/* That the kernel does not know yet. */
	uint32_t disks;
	unsigned n_shares;
	/* Mode, place, mode, place, …: each is behind the NUL of the one before. */
	const char *shares;
};

/* -1 unless `data` is exactly one well-formed request. The strings stay in data. */
int attach_request_parse(const uint8_t *data, size_t len, struct attach_request *ret);
/* Whether a share of this mode is a disk. */
bool attach_mode_is_served(const char *mode);
