/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copies from the file "a" of the scratch directory, and to it; what is said on the way. */
#pragma once

#include "base/log.h"
#include "copy/copy.h"
#include "fixture-archive.h"

/* All lines, each with a newline. */
static struct strbuf said;

static inline void listen(enum log_level level, const char *line, void *data)
{
	(void)level;
	(void)data;
	strbuf_addf(&said, "%s\n", line);
}

static inline int copy_setup(void **state)
{
	strbuf_clear(&said);
	err.msg[0] = '\0';
	log_set_handler(listen, NULL, LOG_LEVEL_WARNING);
	return scratch_enter(state);
}

static inline int copy_teardown(void **state)
{
	strbuf_done(&said);
	return scratch_leave(state);
}

#define copy_test(fn) cmocka_unit_test_setup_teardown(fn, copy_setup, copy_teardown)

static inline enum copy_result pack_to(const char *file, const char *path)
{
	CLEANUP_CLOSE int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	const struct copy_pack request = {.path = path, .out_fd = fd};

	return copy_pack(&request, &err);
}

static inline enum copy_result unpack_as(struct copy_unpack request)
{
	CLEANUP_CLOSE int fd = open("a", O_RDONLY | O_CLOEXEC);

	request.in_fd = fd;
	return copy_unpack(&request, &err);
}

#define unpack_to(destination) unpack_as((struct copy_unpack){.dest = destination})

#define assert_whole(call)                                                        \
	do {                                                                      \
		if ((call) != COPY_WHOLE)                                         \
			fail_msg("%s: %s%s", #call, strbuf_text(&said), err.msg); \
	} while (0)

static inline struct stat stat_of(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return st;
}
