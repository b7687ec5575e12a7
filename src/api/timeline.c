/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The timeline of a start, as a file. It is opened before anything else happens: a name
 * that can't be written to should not be found out after a long command. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "api/handle.h"
#include "base/io.h"
#include "vm/timeline.h"

static bool has_suffix(const char *path, const char *suffix)
{
	size_t len = strlen(path), suffix_len = strlen(suffix);

	return len > suffix_len && strcmp(path + len - suffix_len, suffix) == 0;
}

int hypermin_set_timeline(struct hypermin *h, const char *path)
{
	if (h->vm || h->stopped)
		return error_set(
			&h->error, 0, "keep a timeline: the VM was started before");
	if (!has_suffix(path, ".svg") && !has_suffix(path, ".json"))
		return error_set(&h->error, 0,
			"write a timeline to '%s': its name has to end with .svg or .json",
			path);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return error_set(&h->error, errno, "create '%s'", path);
	handle_drop_timeline(h);
	h->timeline_fd = fd;
	h->timeline_path = xstrdup(path);
	h->timeline = timeline_new();
	return 0;
}

int hypermin_write_timeline(struct hypermin *h)
{
	CLEANUP_STRBUF struct strbuf text = {0};

	if (!h->timeline)
		return error_set(&h->error, 0, "write a timeline: none was kept");
	if (has_suffix(h->timeline_path, ".svg"))
		timeline_write_svg(h->timeline, &text);
	else
		timeline_write_json(h->timeline, &text);
	if (io_write_full(h->timeline_fd, text.data, text.len) < 0)
		return error_set(&h->error, errno, "write '%s'", h->timeline_path);
	return 0;
}

void handle_drop_timeline(struct hypermin *h)
{
	if (h->timeline_fd >= 0)
		close(h->timeline_fd);
	h->timeline_fd = -1;
	free(h->timeline_path);
	h->timeline_path = NULL;
	timeline_free(h->timeline);
	h->timeline = NULL;
}
