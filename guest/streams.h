/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A command's streams: our ends of its pipes, or of its terminal. */
#pragma once

#include "guest/channel.h"

/* To the command: what the host has sent and the command has not read yet. */
struct input {
	int fd; /* -1: closed */
	bool terminal;
	bool ended;    /* the host sends no more */
	uint8_t last;  /* the last byte that came: whether a terminal is at a line's start
			*/
	size_t credit; /* taken by the command, and not yet told to the host */
	size_t allowed; /* what the host may still send */
	size_t head, len;
	/* Two more for the end-of-file characters of a terminal. */
	uint8_t ring[PROTOCOL_WINDOW + 2];
};

void input_init(struct input *in, int fd, bool terminal);
void input_close(struct input *in);
/* -1: more than the host was allowed to send. */
int input_add(struct input *in, const uint8_t *bytes, size_t len);
void input_end(struct input *in);
/* Write as much as the command takes now. -1: the command has closed its input. */
int input_pump(struct input *in);
/* The events for poll(). */
short input_events(const struct input *in);
/* How large a WINDOW frame is due; 0: none. */
uint32_t input_take_credit(struct input *in);

/* From the command. */
struct output {
	int fd; /* -1: closed */
	uint16_t command;
	uint8_t stream;
	bool terminal;
	bool abandoned;	   /* nobody wants it: it is read and dropped */
	bool readable;	   /* worth a try */
	bool draining;	   /* the command has ended: only what is there already counts */
	size_t drain_left; /* of it, at most */
	size_t window;	   /* what we may still send */
};

void output_init(
	struct output *out, uint16_t command, uint8_t stream, int fd, bool terminal);
void output_close(struct output *out);
/* The host took some. -1: more than there was. */
int output_grow_window(struct output *out, uint32_t more);
bool output_wants_poll(const struct output *out);
bool output_is_ready(const struct output *out);
/* One frame from it, on an idle channel, or none if it is abandoned; closes it at its
 * end. */
void output_move(struct output *out, struct channel *c);
void output_abandon(struct output *out);
void output_start_drain(struct output *out);
