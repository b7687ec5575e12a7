/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stamps: what stat() said. stamp.h tells what they are good for. */
#include "appliance/stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

/* The kernel stamps files by a clock that ticks every 1 to 10 ms. */
#define TICK_NS (20 * 1000 * 1000)

/* By hand: printf() would take longer than the system calls. */
static void add_number(struct strbuf *sb, uint64_t n)
{
	char *room = strbuf_grow(sb, 17);
	int shift = 60;

	while (shift > 0 && n >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4, sb->len++)
		*room++ = "0123456789abcdef"[n >> shift & 15];
	*room = ':';
	sb->len++;
}

static void add_numbers(struct strbuf *sb, const struct stat *st)
{
	const uint64_t numbers[] = {st->st_dev, st->st_ino, st->st_mode, st->st_uid,
		st->st_gid, st->st_size, st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		st->st_ctim.tv_sec, st->st_ctim.tv_nsec};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		add_number(sb, numbers[i]);
	strbuf_adds(sb, "."); /* ends the string */
}

static bool before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* A time in the future is no change since the start: the clock was set back. */
static bool changed_since(const struct stat *st, const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return !before(&st->st_ctim, start) && !before(&now, &st->st_ctim);
}

/* A file changed twice within a tick has the same times after both. What was changed
 * before the start is therefore read a tick later: then it does not look like a change
 * since. */
void stamp_start(struct stamp *stamp)
{
	const struct timespec tick = {.tv_nsec = TICK_NS};

	*stamp = (struct stamp){0};
	clock_gettime(CLOCK_REALTIME, &stamp->start);
	nanosleep(&tick, NULL);
}

/*
 * Of a symlink both are said, its own and what it leads to: two links may lead to the same
 * file. `start` is NULL where nothing is to count as changing.
 */
static void add_identity(
	struct strbuf *sb, const char *path, int flags, const struct timespec *start)
{
	struct stat st = {0};

	if (fstatat(AT_FDCWD, path, &st, flags) < 0)
		strbuf_addf(sb, "absent %d", errno);
	else if (start && changed_since(&st, start))
		strbuf_adds(sb, "changing");
	else
		add_numbers(sb, &st);
	if (flags == AT_SYMLINK_NOFOLLOW && S_ISLNK(st.st_mode)) {
		strbuf_adds(sb, " -> ");
		add_identity(sb, path, 0, start);
	}
}

void stamp_add(struct stamp *stamp, const char *path)
{
	strbuf_add(&stamp->fields, path, strlen(path) + 1);
	add_identity(&stamp->fields, path, AT_SYMLINK_NOFOLLOW, &stamp->start);
	strbuf_addc(&stamp->fields, '\0');
}

void stamp_done(struct stamp *stamp)
{
	strbuf_done(&stamp->fields);
}

static bool identity_fits(const char *path, const char *identity, struct strbuf *buf)
{
	strbuf_clear(buf);
	add_identity(buf, path, AT_SYMLINK_NOFOLLOW, NULL);
	return strcmp(buf->data, identity) == 0;
}

bool stamp_fits(const char *fields, size_t len)
{
	CLEANUP_STRBUF struct strbuf buf = {0};
	const char *pos = fields, *end = fields + len;

	while (pos < end) {
		const char *nul = memchr(pos, '\0', end - pos);
		const char *identity = nul ? nul + 1 : NULL;
		nul = identity ? memchr(identity, '\0', end - identity) : NULL;
		if (!nul || !identity_fits(pos, identity, &buf))
			return false;
		pos = nul + 1;
	}
	return true;
}
