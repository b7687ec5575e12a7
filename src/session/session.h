/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A session is a VM that is kept for many clients. It has a name and a process of its own,
 * the keeper, which listens on a socket. This is what keeper and clients share: the files
 * by which a session is found, and the messages on the socket.
 *
 *	DIR/NAME.lock     locked by the keeper as long as it lives; says which version of the
 *	                  messages it speaks
 *	DIR/NAME.socket   the keeper listens here, once the VM runs
 *	DIR/NAME.ended    why the VM ended by itself; the next client reads and removes it
 *
 * DIR is $XDG_RUNTIME_DIR/hypermin, /run/user/UID/hypermin, or where these are missing
 * /run/hypermin for root and /tmp/hypermin-UID for others. It has to belong to this user,
 * with no access for others. The files of a keeper that was killed are removed by the next
 * process that finds them.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/vector.h"
#include "protocol/protocol.h"

/* ---- Names ---- */

/* A name, claimed by this process. */
struct session_name {
	int dir_fd, lock_fd;
	char *name; /* NULL: none */
};

/* Claim the name; NULL: the first free one of vm1, vm2, and so on. EEXIST: it is in use. */
int session_claim(const char *name, struct session_name *ret, struct error *err);
/* Claim a name for a VM that waits for a run: it has the key, and the first free number from 1
 * to `max`. No user can give a session such a name. EEXIST: all numbers are in use. */
int session_claim_ready(
	const char *key, unsigned max, struct session_name *ret, struct error *err);
/* Listen on its socket: a descriptor. */
int session_listen(const struct session_name *name, struct error *err);
/* Give the name back. `why`: what the next client is told; NULL: that there is no such
 * session. */
void session_release(struct session_name *name, const char *why);

/* A connection to the keeper. ENOENT: there is no such session, or it has ended; the error
 * says why. EPROTO: its keeper speaks another version. */
int session_connect(const char *name, struct error *err);
/* Is the process at the other end of a connection this user's, or root's? */
bool session_peer_is_ours(int fd);
/* The names of all sessions, sorted. */
int session_list(struct strvec *ret, struct error *err);
/* The names of the VMs of this key that wait for a run, or are in one; NULL: of any key. */
int session_list_ready(const char *key, struct strvec *ret, struct error *err);

/* ---- Messages ---- */

/* Raise with every change of the messages, or of the exec request in them: a client may be of
 * another version of hypermin than the keeper, which runs for days. */
#define SESSION_VERSION 2

/*
 * They are cut as the frames of protocol.h, with their numbers for command and stream 0.
 * A client sends one request and waits for its answers. When either side closes the
 * connection, the other one gives up what it was for.
 */
enum session_message {
	/* client to keeper */
	SESSION_EXEC_PART = 1, /* a piece of a request that is longer than a message */
	SESSION_EXEC,	       /* its last piece; the descriptors have come before */
	SESSION_SIGNAL,	       /* u32: for the command */
	SESSION_RESIZE,	       /* u16 rows, u16 columns */
	SESSION_DESCRIBE,      /* - */
	SESSION_STOP,	       /* u8 1: without the guest */
	SESSION_SAVE,	       /* - ; it passes the directory to be written to */
	/* JSON: the disks and directories that a VM which waits is to get; it passes the disks'
	 * descriptors, and a socket to the directories' server. The VM ends with this
	 * connection. */
	SESSION_TAKE,

	/* keeper to client */
	/* u32 enum hypermin_outcome, u32 status, text: why it could not be started. Of one
	 * that is detached: once it runs */
	SESSION_RESULT = 64,
	SESSION_DESCRIPTION, /* JSON, at most one message: of the session, or of what was saved */
	SESSION_STOPPED,
	SESSION_TAKEN,
	SESSION_FAILED, /* u32 errno or 0, text */
};
#define SESSION_RESULT_FIXED 8u
#define SESSION_FAILED_FIXED 4u

/*
 * SESSION_EXEC: u32 milliseconds that the command may take or 0, u16 flags, u16 zero, the
 * client's directory and a NUL, an exec request of protocol.h.
 */
#define SESSION_EXEC_FIXED 8u
#define SESSION_EXEC_MAX   (EXEC_REQUEST_MAX + 8192u)

enum {
	/* Which standard streams the client passes, in this order. */
	SESSION_HAS_STDIN = 1 << 0,
	SESSION_HAS_STDOUT = 1 << 1,
	SESSION_HAS_STDERR = 1 << 2,
	/* The command goes on without the client. */
	SESSION_DETACHED = 1 << 3,
	SESSION_EXEC_FLAGS = (1 << 4) - 1,
};

/* With one request. */
#define SESSION_FDS_MAX 17

/* The buffers of one end of a connection. Nothing here waits. */
struct session_link {
	int fd; /* -1: closed */
	struct strbuf in, out;
	int fds[SESSION_FDS_MAX]; /* that have come */
	size_t n_fds;
};

void session_link_init(struct session_link *link, int fd);
/* With the descriptors that nobody has taken. */
void session_link_done(struct session_link *link);
/* Close these descriptors. */
void session_link_close_fds(struct session_link *link);
/* Read what there is. -1: the other end is gone, or sends more than it may. */
int session_link_receive(struct session_link *link);
/* The first whole message: 1, 0 if there is none yet, -1 if these are no messages. It is
 * valid until session_link_drop(). */
int session_link_next(const struct session_link *link, struct frame *ret);
/* Take that message away. */
void session_link_drop(struct session_link *link);
/* Add a message, whose payload the caller writes to the returned address at once. */
uint8_t *session_link_add(
	struct session_link *link, enum session_message type, size_t len);
void session_link_add_text(struct session_link *link, enum session_message type,
	const uint8_t *fixed, size_t fixed_len, const char *text);
/* Write as much as can be now. -1: the other end is gone. */
int session_link_flush(struct session_link *link);
/* The first bytes on a connection, as many as can be written now: pass descriptors. -1 with
 * errno. */
int session_link_pass(struct session_link *link, const int *fds, size_t n);
