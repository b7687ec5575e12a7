/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image that is served, not written: the plan of an ext2 image (ext2/ext2.h) as a disk, read
 * by the NBD protocol.
 *
 *	qemu, or any   ◄─socket─►  negotiate.c      which disk, and how
 *	NBD client                 answer.c         requests, by several threads at once
 *	                           image.c          an offset ──► zeros, metadata, a file
 *	                             ├─ ext2/metadata.c   made when they are asked for
 *	                             └─ files.c           read from the host
 *	                           ahead.c          what a client that reads in order wants next
 *
 * What is served is the tree as it was when it was added. A file is compared with that before
 * its first byte is served and after each read: one that has changed gives I/O errors from then
 * on, to all clients, and a warning to the log once. So no client gets a mixture of an old and
 * a new file. What a file's times do not tell (a write through a mapping that was there
 * before) is not seen.
 *
 * Why not nbdkit with a plugin: qemu gets the socket as a descriptor, and a VM needs no package
 * that is not installed. Why not libnbd: it is for clients.
 *
 * Clients are not trusted. A guest can have qemu send any requests, and another client can send
 * any bytes: each length and offset is checked, and memory is bounded: SERVE_AHEAD bytes for each
 * thread and once more for each client, and for one that does not take structured replies one
 * of SERVE_REQUEST_MAX.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

struct ext2_plan;
struct tree;

/* Bytes that are sent together. */
#define SERVE_CHUNK (256u * 1024)
/* Bytes that are read ahead for a client that reads in order. */
#define SERVE_AHEAD (1024u * 1024)
/* What one request may ask for, and the least that NBD wants of a server. */
#define SERVE_REQUEST_MAX (32u * 1024 * 1024)
/* Threads that answer one client. */
#define SERVE_THREADS 4
/* Clients at the same time. */
#define SERVE_CLIENTS_MAX 8

struct serve;

/* Both have to live as long as the result. */
struct serve *serve_new(const struct tree *tree, const struct ext2_plan *plan);
void serve_free(struct serve *s);

/* Serve one client on a connected socket, until it leaves. Each client takes a call, and so a
 * thread, of its own. -1: it broke the protocol, or left in the middle of something. */
int serve_client(struct serve *s, int socket, struct error *err);
/* Serve all clients that connect to a listening socket. It returns only with an error. */
int serve_listener(struct serve *s, int socket, struct error *err);

/* Where bytes come from and go to: whole, or -1 and then never again. */
struct serve_channel {
	int (*read)(void *to, size_t len, void *data);
	int (*write)(const void *from, size_t len, void *data);
	void *data;
};

/* One client without a socket, in this thread alone. */
int serve_channel(
	struct serve *s, const struct serve_channel *channel, struct error *err);
