/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Directories of the host, served to a VM by the FUSE protocol (<linux/fuse.h>).
 *
 *	guest                                         host
 *	kernel ◄─/dev/fuse─► relay ◄─virtio-serial─► socket ◄─► share_serve()
 *	                                                         │ one component at a time,
 *	/0  the first share, bind-mounted where                  ▼ links never followed
 *	/1  the second, …   it is wanted               directory descriptors
 *
 * The stream carries the kernel's own messages: each begins with its length. The relay
 * copies whole ones and understands nothing. It reads with a buffer of
 * SHARE_MESSAGE_MAX bytes, mounts with default_permissions, allow_other and
 * max_read=ATTACH_DATA_MAX, and goes on if a write to /dev/fuse fails with ENOENT: the
 * guest's kernel then no longer waits for that answer.
 *
 * Why not virtiofsd: it wants memory that is shared with qemu, and a VM that resumes from
 * a snapshot maps its memory privately; it wants namespaces, and root or mapped ids. This
 * wants a socket. It works for any user, in containers, after a boot and after a resume.
 *
 * Why not libfuse: it trusts the kernel at the other end. Here that kernel is a guest,
 * which is not trusted: each length, node, handle, name and flag is checked.
 *
 * The server needs no descriptor for each file that the guest knows: a node is a name in
 * another node (nodes.h). It does with a file what the user that runs it may do.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "protocol/protocol.h"

/* The longest message of the guest's kernel: data, and a page for what stands before. */
#define SHARE_MESSAGE_MAX (ATTACH_DATA_MAX + 4096)

enum share_mode {
	SHARE_RO,
	SHARE_RW,
	/* Read-only, and the guest may remember for an hour what it has seen. */
	SHARE_OVERLAY,
	/* The same: this machine's whole tree. */
	SHARE_HOST,
};

struct share_directory {
	/* Decimal digits: the name of the directory in the root that the guest mounts. */
	const char *name;
	enum share_mode mode;
	/* Opened with O_DIRECTORY, and perhaps O_PATH. Borrowed. */
	int fd;
};

/* Files of this user and group are root's in the guest, and those of the host's root are
 * nobody's. 0: owners, or groups, are as they are on the host. */
struct share_root_owner {
	uid_t uid;
	gid_t gid;
};

struct share;

/* `directories` stays the caller's, and has to live as long as the result. NULL if one of
 * them can't be shared. */
struct share *share_new(const struct share_directory *directories, size_t count,
	const struct share_root_owner *root, struct error *err);
void share_free(struct share *s);

/* Serve until the other end closes the socket. It sets the process's umask. */
int share_serve(struct share *s, int socket, struct error *err);

/*
 * The same without a socket. share_take() answers the whole messages at the beginning of
 * `data` and returns how many bytes they have; it may stop early if there is much output.
 * -1: that was no message, and nothing behind it can be understood.
 */
ssize_t share_take(struct share *s, const void *data, size_t len, struct error *err);
const void *share_output(const struct share *s, size_t *ret_len);
void share_output_sent(struct share *s, size_t len);
