/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A note is written in temporary/, where a killed process may leave it, and renamed. */
#include "cache/note.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "cache/store.h"

char *note_read(int cache_fd, const char *name)
{
	char *text;
	size_t len;

	if (io_read_file(cache_fd, name, NOTE_MAX, &text, &len, NULL) < 0)
		return NULL;
	return text;
}

void note_write(int cache_fd, const char *name, const char *text)
{
	/* Two threads may write the same note. */
	CLEANUP_FREE char *temporary =
		xasprintf("%s-%ld", name, (long)syscall(SYS_gettid));
	CLEANUP_FREE char *path = store_path(STORE_TEMPORARY, temporary);

	if (mkdirat(cache_fd, store_kinds[STORE_TEMPORARY].directory, 0700) < 0 &&
		errno != EEXIST)
		return;
	CLEANUP_CLOSE int fd =
		openat(cache_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (io_write_full(fd, text, strlen(text)) < 0 ||
		renameat(cache_fd, path, cache_fd, name) < 0)
		unlinkat(cache_fd, path, 0);
}
