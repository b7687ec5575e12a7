/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stamps: what stat() said. stamp.h tells what they are good for. */
#include "cache/stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/vector.h"

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

static void add_numbers(struct strbuf *sb, const uint64_t *numbers, size_t len)
{
	for (size_t i = 0; i < len; i++)
		add_number(sb, numbers[i]);
	strbuf_adds(sb, "."); /* ends the string */
}

/* An overlay whose layers are on several file systems (a live system, some containers) gives
 * a directory another number each time that the kernel has forgotten it. */
static uint64_t lasting_number(const struct stat *st)
{
	return S_ISDIR(st->st_mode) ? 0 : st->st_ino;
}

static void add_all(struct strbuf *sb, const struct stat *st)
{
	const uint64_t numbers[] = {st->st_dev, lasting_number(st), st->st_mode,
		st->st_uid, st->st_gid, st->st_size, st->st_mtim.tv_sec,
		st->st_mtim.tv_nsec, st->st_ctim.tv_sec, st->st_ctim.tv_nsec};

	add_numbers(sb, numbers, ARRAY_SIZE(numbers));
}

/* There are thousands of these, so only the numbers that a change can't leave alone. */
static void add_file(struct strbuf *sb, const struct stat *st)
{
	const uint64_t numbers[] = {st->st_dev, st->st_ino, st->st_size,
		st->st_ctim.tv_sec, st->st_ctim.tv_nsec};

	add_numbers(sb, numbers, ARRAY_SIZE(numbers));
}

/* Without the times and the size, which change with its entries. */
static void add_directory(struct strbuf *sb, const struct stat *st)
{
	const uint64_t numbers[] = {st->st_dev, st->st_mode, st->st_uid, st->st_gid};

	add_numbers(sb, numbers, ARRAY_SIZE(numbers));
}

static bool before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* A file with a time in the future was not changed since the start: the clock was set
 * back. */
static bool changed_since(const struct stat *st, const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return !before(&st->st_ctim, start) && !before(&now, &st->st_ctim);
}

/* The times of files advance in ticks: a file that changes twice within a tick has the same
 * times after both changes. So nothing is read until a tick after the start. Then a change
 * before the start and one while files are read never have the same time. */
void stamp_start(struct stamp *stamp)
{
	const struct timespec tick = {.tv_nsec = TICK_NS};

	*stamp = (struct stamp){0};
	clock_gettime(CLOCK_REALTIME, &stamp->start);
	nanosleep(&tick, NULL);
}

/*
 * Of a symlink its own identity and its target's: two links may lead to the same file.
 * `start` is NULL if nothing is to count as changing.
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
		add_all(sb, &st);
	if (flags == AT_SYMLINK_NOFOLLOW && S_ISLNK(st.st_mode)) {
		strbuf_adds(sb, " -> ");
		add_identity(sb, path, 0, start);
	}
}

/* What the identity of a path itself begins with. */
#define ITSELF '='

static mode_t add_itself(
	struct strbuf *sb, const char *path, const struct timespec *start)
{
	struct stat st = {0};

	strbuf_addc(sb, ITSELF);
	if (lstat(path, &st) < 0)
		strbuf_addf(sb, "absent %d", errno);
	else if (S_ISDIR(st.st_mode))
		add_directory(sb, &st);
	else if (start && changed_since(&st, start))
		strbuf_adds(sb, "changing");
	else
		add_file(sb, &st);
	return st.st_mode;
}

void stamp_add(struct stamp *stamp, const char *path)
{
	strbuf_add(&stamp->fields, path, strlen(path) + 1);
	add_identity(&stamp->fields, path, AT_SYMLINK_NOFOLLOW, &stamp->start);
	strbuf_addc(&stamp->fields, '\0');
}

void stamp_add_below(struct stamp *stamp, const char *root, const char *path)
{
	CLEANUP_FREE char *full = path_below(root, path);
	stamp_add(stamp, full);
}

mode_t stamp_add_itself(struct stamp *stamp, const char *path)
{
	strbuf_add(&stamp->fields, path, strlen(path) + 1);
	mode_t mode = add_itself(&stamp->fields, path, &stamp->start);
	strbuf_addc(&stamp->fields, '\0');
	return mode;
}

void stamp_done(struct stamp *stamp)
{
	strbuf_done(&stamp->fields);
}

/* ---- Does it still fit? ---- */

struct claim {
	const char *path, *identity;
};

static bool claim_holds(const struct claim *claim, struct strbuf *buf)
{
	strbuf_clear(buf);
	if (claim->identity[0] == ITSELF)
		add_itself(buf, claim->path, NULL);
	else
		add_identity(buf, claim->path, AT_SYMLINK_NOFOLLOW, NULL);
	return strcmp(buf->data, claim->identity) == 0;
}

struct check {
	VECTOR(struct claim) claims;
	/* The first claim that no thread has taken. */
	atomic_size_t next;
	atomic_bool broken;
};

/* Large enough that taking one costs nothing, small enough that all threads end at about
 * the same time. */
#define PORTION 64

/* A thread takes portion after portion, until none is left or a claim does not hold. */
static void *look(void *data)
{
	struct check *check = data;
	CLEANUP_STRBUF struct strbuf buf = {0};
	size_t first;

	while (!check->broken &&
		(first = atomic_fetch_add(&check->next, PORTION)) < check->claims.len)
		for (size_t i = first; i < first + PORTION && i < check->claims.len; i++)
			if (!claim_holds(&check->claims.items[i], &buf))
				check->broken = true;
	return NULL;
}

/* Starting a thread takes as long as looking at this many. */
#define WORTH_A_THREAD 1024
#define THREADS_MAX    4

static size_t threads_for(size_t n_claims)
{
	cpu_set_t cpus;
	size_t n = 1 + n_claims / WORTH_A_THREAD;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return 1;
	if (n > (size_t)CPU_COUNT(&cpus))
		n = CPU_COUNT(&cpus);
	return n < THREADS_MAX ? n : THREADS_MAX;
}

/* The threads block all signals: those are for the caller. Returns how many started. */
static size_t start_threads(struct check *check, pthread_t *ret, size_t wanted)
{
	sigset_t all, before;
	size_t n = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (n < wanted && pthread_create(&ret[n], NULL, look, check) == 0)
		n++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return n;
}

/* The caller is one of the threads. */
static void look_together(struct check *check)
{
	pthread_t threads[THREADS_MAX];
	size_t n = start_threads(check, threads, threads_for(check->claims.len) - 1);

	look(check);
	while (n)
		pthread_join(threads[--n], NULL);
}

/* Claims about paths themselves go to `many`, all others to `few`. False if the bytes end
 * within a field. */
static bool parse(const char *pos, size_t len, struct check *few, struct check *many)
{
	const char *end = pos + len;

	while (pos < end) {
		const char *nul = memchr(pos, '\0', end - pos);
		const char *identity = nul ? nul + 1 : NULL;
		nul = identity ? memchr(identity, '\0', end - identity) : NULL;
		if (!nul)
			return false;
		struct check *check = identity[0] == ITSELF ? many : few;
		vector_push(&check->claims, ((struct claim){pos, identity}));
		pos = nul + 1;
	}
	return true;
}

bool stamp_few_fit(const char *fields, size_t len)
{
	struct check few = {0}, many = {0};
	bool whole = parse(fields, len, &few, &many);

	if (whole)
		look(&few);
	vector_done(&few.claims);
	vector_done(&many.claims);
	return whole && !few.broken;
}

bool stamp_fits(const char *fields, size_t len)
{
	struct check few = {0}, many = {0};
	bool whole = parse(fields, len, &few, &many);

	if (whole)
		look(&few);
	if (whole && !few.broken)
		look_together(&many);
	vector_done(&few.claims);
	vector_done(&many.claims);
	return whole && !few.broken && !many.broken;
}

struct stamp_check {
	char *bytes;
	struct check few, many;
	pthread_t thread;
	bool has_thread;
};

struct stamp_check *stamp_check_start(char *bytes, const char *fields, size_t len)
{
	struct stamp_check *c = xcalloc(1, sizeof(*c));

	c->bytes = bytes;
	if (!parse(fields, len, &c->few, &c->many))
		c->many.broken = true;
	else if (start_threads(&c->many, &c->thread, 1) == 1)
		c->has_thread = true;
	else
		look(&c->many);
	return c;
}

bool stamp_check_end(struct stamp_check *c)
{
	if (c->has_thread)
		pthread_join(c->thread, NULL);
	bool fits = !c->many.broken;
	vector_done(&c->few.claims);
	vector_done(&c->many.claims);
	free(c->bytes);
	free(c);
	return fits;
}
