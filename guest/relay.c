/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "guest/log.h"
#include "protocol/protocol.h"

enum {
	/* The kernel wants room for the largest write and the headers before it. */
	MESSAGE_SIZE = ATTACH_DATA_MAX + 8192,
	/* A message begins with its length. */
	LENGTH_SIZE = 4,
};

/* There is one relay. */
static struct relay {
	int fuse, port;
	volatile int abort; /* -1: not known yet */
	/* It ends with the file system. */
	pthread_t requests;
	bool is_started;
	/* There is somebody at the other end of the port. Before that it reads as closed. */
	sem_t is_connected;
	uint8_t to_host[MESSAGE_SIZE], to_guest[MESSAGE_SIZE];
} relay;

static void wait_for_port(short events)
{
	struct pollfd p = {relay.port, events, 0};

	poll(&p, 1, -1);
}

static int write_to_port(const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(relay.port, data, len);

		if (n > 0) {
			data += n;
			len -= n;
		} else if (n < 0 && errno == EAGAIN) {
			wait_for_port(POLLOUT);
		} else if (n == 0 || errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

static void *carry_requests(void *unused)
{
	for (bool is_first = true;;) {
		ssize_t n = read(relay.fuse, relay.to_host, sizeof(relay.to_host));

		/* ENOENT: the process that asked was killed meanwhile. */
		if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
			continue;
		if (n <= 0 || write_to_port(relay.to_host, n) < 0)
			return unused;
		if (!is_first)
			continue;
		is_first = false;
		fcntl(relay.port, F_SETFL, fcntl(relay.port, F_GETFL) | O_NONBLOCK);
		sem_post(&relay.is_connected);
	}
}

/* How many bytes of whole messages were passed on; -1: these are no messages. */
static ssize_t pass_on(const uint8_t *data, size_t len)
{
	size_t done = 0;

	while (len - done >= LENGTH_SIZE) {
		uint32_t message = wire_get_u32(data + done);

		if (message < LENGTH_SIZE || message > MESSAGE_SIZE)
			return -1;
		if (message > len - done)
			break;
		/* ENOENT: nobody waits for this answer any more. */
		if (write(relay.fuse, data + done, message) < 0 && errno != ENOENT)
			klog_debug("pass on an answer: %s", strerror(errno));
		done += message;
	}
	return done;
}

static void *carry_answers(void *unused)
{
	size_t len = 0;

	while (sem_wait(&relay.is_connected) < 0)
		continue;
	for (;;) {
		ssize_t n = read(
			relay.port, relay.to_guest + len, sizeof(relay.to_guest) - len);

		if (n < 0 && errno == EAGAIN)
			wait_for_port(POLLIN);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			break;
		len += n;
		ssize_t done = pass_on(relay.to_guest, len);
		if (done < 0)
			break;
		len -= done;
		memmove(relay.to_guest, relay.to_guest + done, len);
	}
	klog_error("the host's directories are gone: their server has ended");
	if (relay.abort >= 0 && write(relay.abort, "1", 1) < 0)
		klog_error("give them up: %s", strerror(errno));
	return unused;
}

int relay_start(int fuse_fd, int port, struct error *err)
{
	pthread_t answers;

	relay.fuse = fuse_fd;
	relay.port = port;
	relay.abort = -1;
	sem_init(&relay.is_connected, 0, 0);
	int errnum = pthread_create(&relay.requests, NULL, carry_requests, NULL);
	if (errnum == 0)
		errnum = pthread_create(&answers, NULL, carry_answers, NULL);
	relay.is_started = errnum == 0;
	return errnum
		? error_set(err, errnum, "start a thread for the host's directories")
		: 0;
}

void relay_set_abort(int abort_fd)
{
	relay.abort = abort_fd;
}

void relay_wait(void)
{
	if (relay.is_started)
		pthread_join(relay.requests, NULL);
}
