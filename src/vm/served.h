/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory of the host that is a disk of the VM: a process of its own, hypermin-serve, makes
 * the plan of an ext2 image of it, and answers qemu's reads from that and from the directory's
 * files. qemu gets its socket as the server of an NBD disk.
 */
#pragma once

#include "base/child.h"
#include "vm/vm.h"

/* How its lines begin, in serve/main.c too: what it can't do, and ends for; what the user should
 * know; what it was asked to say. */
#define SERVED_ERROR   "hypermin-serve: error: "
#define SERVED_WARNING "hypermin-serve: warning: "
#define SERVED_INFO    "hypermin-serve: "

/* Start the server. *ret_fd is qemu's end of its socket. Its messages go to messages_fd. */
int served_start(const struct vm_config *config, const struct vm_share *share,
	int messages_fd, struct child *ret_server, int *ret_fd, struct error *err);
/* Pass one of its lines on to the log. False: it is not one of its. */
bool served_log(const char *line);
