/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server's life, its sockets and threads. */
#include "serve/serve.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "ext2/ext2.h"
#include "serve/server.h"

/* A whole chunk and more: else the thread that sends one waits for the client in the middle. */
#define SOCKET_ROOM (4 * SERVE_CHUNK)

struct serve *serve_new(const struct tree *tree, const struct ext2_plan *plan)
{
	struct serve *s = xcalloc(1, sizeof(*s));
	struct ext2_summary summary;

	ext2_plan_summary(plan, &summary);
	s->plan = plan;
	s->size = summary.size;
	s->block_size = summary.block_size;
	s->metadata = ext2_metadata_new(plan);
	s->files = files_new(tree);
	return s;
}

void serve_free(struct serve *s)
{
	if (!s)
		return;
	ext2_metadata_free(s->metadata);
	files_free(s->files);
	free(s);
}

/* ---- A client ---- */

int client_offends(struct client *c, const char *how)
{
	atomic_store(&c->offence, how);
	return -1;
}

static void *answer(void *data)
{
	client_answer(data);
	return NULL;
}

/* `threads` are started beside this one, as many as there can be. */
static int run(struct serve *s, const struct serve_channel *channel, unsigned threads,
	struct error *err)
{
	struct client c = {.serve = s, .channel = channel};
	pthread_t others[SERVE_THREADS];
	unsigned n = 0;

	pthread_mutex_init(&c.receive, NULL);
	pthread_mutex_init(&c.send, NULL);
	ahead_init(&c.ahead);
	enum negotiated negotiated = client_negotiate(&c);
	if (negotiated == NEGOTIATED_GO) {
		while (n < threads && pthread_create(&others[n], NULL, answer, &c) == 0)
			n++;
		client_answer(&c);
	}
	while (n > 0)
		pthread_join(others[--n], NULL);
	ahead_done(&c.ahead);
	pthread_mutex_destroy(&c.receive);
	pthread_mutex_destroy(&c.send);
	const char *offence = atomic_load(&c.offence);
	return offence ? error_set(err, EPROTO, "serve a client: %s", offence) : 0;
}

int serve_channel(struct serve *s, const struct serve_channel *channel, struct error *err)
{
	return run(s, channel, 0, err);
}

/* ---- Sockets ---- */

static int read_socket(void *to, size_t len, void *data)
{
	const int socket = *(const int *)data;
	uint8_t *at = to;

	while (len) {
		ssize_t n = recv(socket, at, len, 0);
		if (n == 0 || (n < 0 && errno != EINTR))
			return -1;
		if (n > 0) {
			at += n;
			len -= n;
		}
	}
	return 0;
}

/* One that waits for a request of this client is woken if it is gone. */
static int write_socket(const void *from, size_t len, void *data)
{
	const int socket = *(const int *)data;
	const uint8_t *at = from;

	while (len) {
		ssize_t n = send(socket, at, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR) {
			shutdown(socket, SHUT_RDWR);
			return -1;
		}
		if (n > 0) {
			at += n;
			len -= n;
		}
	}
	return 0;
}

int serve_client(struct serve *s, int socket, struct error *err)
{
	const struct serve_channel channel = {read_socket, write_socket, &socket};
	const int room = SOCKET_ROOM;

	/* The kernel gives what it allows. */
	setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));

	return run(s, &channel, SERVE_THREADS - 1, err);
}

struct listener {
	struct serve *serve;
	/* Of the number of clients. */
	pthread_mutex_t lock;
	pthread_cond_t has_left;
	unsigned clients;
};

struct visit {
	struct listener *listener;
	int socket;
};

/* Wait until there are fewer than so many clients. */
static void wait_below(struct listener *l, unsigned clients)
{
	pthread_mutex_lock(&l->lock);
	while (l->clients >= clients)
		pthread_cond_wait(&l->has_left, &l->lock);
	pthread_mutex_unlock(&l->lock);
}

static void leave(struct visit *v)
{
	struct listener *l = v->listener;

	close(v->socket);
	free(v);
	pthread_mutex_lock(&l->lock);
	l->clients--;
	pthread_cond_signal(&l->has_left);
	pthread_mutex_unlock(&l->lock);
}

static void *entertain(void *data)
{
	struct visit *v = data;
	struct error err;

	if (serve_client(v->listener->serve, v->socket, &err) < 0)
		log_info("%-s", err.msg);
	leave(v);
	return NULL;
}

static void start_client(struct listener *l, int socket)
{
	struct visit *v = xcalloc(1, sizeof(*v));
	pthread_t thread;

	*v = (struct visit){l, socket};
	pthread_mutex_lock(&l->lock);
	l->clients++;
	pthread_mutex_unlock(&l->lock);
	int num = pthread_create(&thread, NULL, entertain, v);
	if (num == 0) {
		pthread_detach(thread);
		return;
	}
	log_warning("a client can't be served: start a thread: %s", strerror(num));
	leave(v);
}

int serve_listener(struct serve *s, int socket, struct error *err)
{
	struct listener l = {.serve = s,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.has_left = PTHREAD_COND_INITIALIZER};

	for (;;) {
		/* Others wait in the socket's queue. */
		wait_below(&l, SERVE_CLIENTS_MAX);
		int client = accept4(socket, NULL, NULL, SOCK_CLOEXEC);
		if (client >= 0)
			start_client(&l, client);
		else if (errno != EINTR && errno != ECONNABORTED)
			break;
	}
	error_set(err, errno, "wait for a client");
	wait_below(&l, 1);
	return -1;
}
