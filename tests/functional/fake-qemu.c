/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In the place of qemu: a guest that does what no real one can be made to do at will. What
 * that is, the program's name says; run-odd-guests has the names.
 *
 * Before it ends it stops. The test then stops hypermin and has this one go on, so that
 * hypermin finds everything at once when it goes on itself: the last frames, and the end.
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/protocol.h"

static int port;

static void say(int type, int stream, const void *payload, size_t len)
{
	uint8_t frame[FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX];

	bool of_a_command =
		type == FRAME_STARTED || type == FRAME_DATA || type == FRAME_EXITED;

	/* The first command's number is 1. */
	frame_put_command_header(frame, type, of_a_command ? 1 : 0, stream, len);
	memcpy(frame + FRAME_HEADER_SIZE, payload, len);
	if (write(port, frame, FRAME_HEADER_SIZE + len) < 0)
		err(1, "write");
}

static void say_numbers(int type, int stream, uint32_t first, uint32_t second, size_t len)
{
	uint8_t payload[READY_TIMES * 8] = {0};

	wire_put_u32(payload, first);
	wire_put_u32(payload + 4, second);
	say(type, stream, payload, len);
}

/* Take frames up to one of this type. */
static void await(int type)
{
	static uint8_t bytes[FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX];
	struct frame frame;

	for (size_t len = 0;;) {
		ssize_t n = read(port, bytes + len, frame_want(bytes, len) - len);

		if (n <= 0)
			exit(1);
		len += n;
		if (frame_parse(bytes, len, &frame) <= 0)
			continue;
		if (frame.type == type)
			return;
		len = 0;
	}
}

static void stop(void)
{
	raise(SIGSTOP);
}

static void start_command(void)
{
	await(FRAME_EXEC);
	say(FRAME_STARTED, 0, NULL, 0);
}

static void end_command(int status)
{
	const uint8_t exited[] = {status, 0};

	say(FRAME_DATA, STREAM_STDOUT, "last words\n", 11);
	say(FRAME_EXITED, 0, exited, sizeof(exited));
}

/* The command's end, and the machine's. */
static void end_at_once(void)
{
	start_command();
	stop();
	end_command(7);
}

/* Nothing is lost of what was said before the machine's end. */
static void end_without_status(void)
{
	start_command();
	stop();
	say(FRAME_DATA, STREAM_STDOUT, "last words\n", 11);
}

/* More than a pipe takes. */
static void talk_and_end(void)
{
	static const uint8_t bytes[FRAME_PAYLOAD_MAX];

	start_command();
	for (int i = 0; i < 4; i++)
		say(FRAME_DATA, STREAM_STDOUT, bytes, sizeof(bytes));
}

/* All is written out, and the machine ends by itself. */
static void end_when_stopped(void)
{
	start_command();
	end_command(7);
	await(FRAME_STOP);
	stop();
	say(FRAME_STOPPED, 0, NULL, 0);
}

static void claim_end(void)
{
	start_command();
	end_command(7);
	await(FRAME_STOP);
}

/* It says that it is alive, and no more. */
static void answer_pings(void)
{
	claim_end();
	for (;;) {
		await(FRAME_PING);
		say(FRAME_PONG, 0, NULL, 0);
	}
}

/* A byte at a time of a frame that never ends. */
static void dribble(void)
{
	uint8_t frame[FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX] = {0};

	claim_end();
	frame_put_header(frame, FRAME_FATAL, FRAME_PAYLOAD_MAX);
	for (size_t i = 0; i < sizeof(frame) && write(port, frame + i, 1) == 1; i++)
		usleep(100 * 1000);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*be)(void);
	} guests[] = {
		{"ends at once", end_at_once},
		{"ends without status", end_without_status},
		{"talks and ends", talk_and_end},
		{"ends when stopped", end_when_stopped},
		{"answers pings", answer_pings},
		{"dribbles", dribble},
	};
	const char *name = strrchr(argv[0], '/') + 1;

	for (int i = 1; i < argc; i++)
		if (sscanf(argv[i], "socket,id=agent,fd=%d", &port) == 1)
			break;
	say_numbers(FRAME_HELLO, 0, PROTOCOL_MAGIC, PROTOCOL_VERSION, 8);
	say_numbers(FRAME_READY, 0, 0, 0, READY_TIMES * 8);
	for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++)
		if (strcmp(name, guests[i].name) == 0)
			guests[i].be();
	return 0;
}
