/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "serve/ahead.h"

#include "base/mem.h"
#include "serve/server.h"

/* Shorter reads are what a guest's file system asks for here and there. */
#define AHEAD_MIN (128u * 1024)

void ahead_init(struct ahead *a)
{
	*a = (struct ahead){0};
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->filled, NULL);
}

void ahead_done(struct ahead *a)
{
	buffer_done(&a->buffer);
	pthread_cond_destroy(&a->filled);
	pthread_mutex_destroy(&a->lock);
}

/* The lock is held. */
static void exchange(struct ahead *a, struct buffer *b)
{
	const struct buffer other = a->buffer;

	a->buffer = *b;
	*b = other;
}

size_t ahead_take(struct ahead *a, uint64_t offset, uint32_t len, struct buffer *b,
	bool *ret_in_order)
{
	size_t found = 0;

	*ret_in_order = false;
	if (len < AHEAD_MIN)
		return 0;
	pthread_mutex_lock(&a->lock);
	*ret_in_order = a->next == offset;
	a->next = offset + len;
	while (a->is_filling && a->offset == offset)
		pthread_cond_wait(&a->filled, &a->lock);
	if (!a->is_filling && a->len > 0 && a->offset == offset) {
		found = MIN(a->len, len);
		a->len = 0;
		exchange(a, b);
	}
	pthread_mutex_unlock(&a->lock);
	return found;
}

/* The client may have gone on meanwhile, and elsewhere. */
static bool begin_to_fill(struct ahead *a, uint64_t offset)
{
	pthread_mutex_lock(&a->lock);
	bool wanted = !a->is_filling && a->next == offset;
	if (wanted) {
		a->is_filling = true;
		a->offset = offset;
		a->len = 0;
	}
	pthread_mutex_unlock(&a->lock);
	return wanted;
}

void ahead_fill(
	struct ahead *a, struct serve *s, uint64_t offset, uint32_t len, struct buffer *b)
{
	size_t room = MIN(MIN(len, SERVE_AHEAD), s->size - offset);
	uint64_t failed;

	if (room == 0 || !begin_to_fill(a, offset))
		return;
	/* A file that can't be served is an error when it is asked for. */
	ssize_t n = image_read(s, offset, buffer_data(b, room), room, true, &failed);
	pthread_mutex_lock(&a->lock);
	a->is_filling = false;
	if (n > 0) {
		a->len = n;
		exchange(a, b);
	}
	pthread_cond_broadcast(&a->filled);
	pthread_mutex_unlock(&a->lock);
}
