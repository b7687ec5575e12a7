/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory of the host that the guest mounts. One that is a disk is served as served.h says.
 * One process serves all others of a VM, hypermin-share: it has them open, enforces that a
 * read-only one is not written to, and speaks FUSE with the guest's kernel. Its socket is
 * qemu's, as a port of the machine.
 */
#pragma once

#include "base/child.h"
#include "vm/vm.h"

#define VM_MAX_SHARES 64

/* `mode` is one of protocol.h's. `place` is an absolute path in the guest; NULL: the
 * directory's own. */
int vm_share_init(struct vm_share *share, const char *dir, const char *place,
	const char *mode, struct error *err);
/* Where a path of the host is in the guest, as a new string; NULL: in none of them. */
char *vm_shares_find(const struct vm_share *shares, size_t n, const char *path);
/* Whether there are any for the server. */
bool vm_shares_need_server(const struct vm_config *config);
/* Start the server. *ret_fd is qemu's end of its socket. Its messages go to messages_fd. */
int vm_shares_serve(const struct vm_config *config, int messages_fd,
	struct child *ret_server, int *ret_fd, struct error *err);
void vm_share_done(struct vm_share *share);
