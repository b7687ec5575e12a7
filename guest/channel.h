/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The port with its buffers: whole frames in, whole frames out, nothing that waits.
 *
 *	port ──read──► in ──► channel_next()
 *	port ◄─write── out ◄── channel_add()
 *	     ◄─splice── staging ◄── a command's pipe
 *
 * Bulk output does not pass through our memory: pages move from the command's pipe to a
 * staging pipe of ours, and from there to the port, behind their header. They can't go
 * directly from the command's pipe: the command might read it too, and the frame would
 * lack bytes that its header promises.
 */
#pragma once

#include <stdbool.h>

#include "protocol/protocol.h"

enum {
	/* Several of the largest frames, so that one read brings much of what waits. */
	CHANNEL_IN_SIZE = 4 * (FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX),
	/* The longest answer to one frame (a list of all disks), twice. */
	CHANNEL_OUT_SIZE = 256 * 1024,
	CHANNEL_OUT_RESERVE = 128 * 1024,
};

struct channel {
	int port;
	int staging[2];
	size_t staged; /* bytes in the staging pipe that belong to the last frame in `out`
			*/
	size_t in_start, in_end;
	size_t out_start, out_end;
	uint8_t in[CHANNEL_IN_SIZE];
	uint8_t out[CHANNEL_OUT_SIZE];
};

int channel_init(struct channel *c, int port);
void channel_done(struct channel *c);

/* Read what there is. -1: the other end is gone. */
int channel_receive(struct channel *c);
/* The next whole frame: 1, 0 if there is none, -1 if these are no frames. It is valid
 * until the next channel_receive(). */
int channel_next(struct channel *c, struct frame *ret);

/* Everything that was added has been written. */
bool channel_is_idle(const struct channel *c);
/* Is there room for any answer? Take the next frame only then. */
bool channel_has_room(const struct channel *c);
/* Add a frame. The caller writes its payload to the returned address at once. */
uint8_t *channel_add(struct channel *c, enum frame_type type, uint32_t len);
/* The same for a frame of a command. */
uint8_t *channel_add_command(struct channel *c, enum frame_type type, uint16_t command,
	uint8_t stream, uint32_t len);
/* Add a DATA frame of at most `max` bytes to an idle channel, copied from a descriptor or
 * spliced from a pipe. As read() does, they return how many bytes were moved, 0 at the end,
 * -1 with errno. */
long channel_add_copied(
	struct channel *c, uint16_t command, uint8_t stream, int fd, size_t max);
long channel_add_spliced(
	struct channel *c, uint16_t command, uint8_t stream, int pipe, size_t max);
/* Write as much as the port takes. -1: the other end is gone. */
int channel_flush(struct channel *c);
/* Write everything, waiting for the port. */
int channel_flush_all(struct channel *c);
