/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libarchive takes the end of its input for the end of a tar stream, and keeps all of a
 * header in memory, which may have a list of holes without end. So the end mark is looked for
 * here, and headers have a limit.
 */
#include "copy/stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define BLOCK_SIZE (64 * 1024)
/* The list of holes of a file in 600,000 pieces. */
#define HEADER_MAX (16u << 20)
/* tar fills its last record with zeros. */
#define PADDING_MAX (1u << 20)

/* As many bytes as there are up to a whole block: so none of libarchive's pieces of 512 bytes
 * lies in two blocks. */
static ssize_t read_block(struct stream *s)
{
	s->block_len = 0;
	while (s->block_len < BLOCK_SIZE) {
		if (s->stop && *s->stop) {
			s->interrupted = true;
			return -1;
		}
		ssize_t n =
			read(s->fd, s->block + s->block_len, BLOCK_SIZE - s->block_len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			s->error = errno;
			return -1;
		}
		if (n == 0)
			break;
		s->block_len += n;
	}
	return s->block_len;
}

static la_ssize_t read_in(struct archive *a, void *data, const void **ret)
{
	struct stream *s = data;
	ssize_t n;

	if (s->in_header && s->header_left < BLOCK_SIZE) {
		archive_set_error(a, 0, "the header of an entry has no end");
		return -1;
	}
	n = read_block(s);
	if (n < 0) {
		archive_set_error(a, s->error, "reading fails");
		return -1;
	}
	s->given += n;
	s->header_left -= s->in_header ? n : 0;
	*ret = s->block;
	return n;
}

static int fail(const struct stream *s, struct error *err)
{
	const char *why = archive_error_string(s->a);

	if (s->interrupted)
		return error_set(err, 0, "interrupted");
	if (s->error)
		return error_set(err, s->error, "read the stream");
	if (s->given == 0)
		return error_set(err, 0, "the stream is empty: it was cut off");
	if (!why || strstr(why, "Unrecognized"))
		return error_set(err, 0, "the stream is no tar archive, or was cut off");
	if (strstr(why, "runcated"))
		return error_set(err, 0, "the stream was cut off");
	return error_set(err, 0, "the stream is damaged: %.500s", why);
}

int stream_open(
	struct stream *s, int fd, const volatile sig_atomic_t *stop, struct error *err)
{
	*s = (struct stream){.fd = fd, .stop = stop, .a = archive_read_new()};
	if (!s->a)
		return error_set(err, ENOMEM, "start libarchive");
	s->block = xmalloc(BLOCK_SIZE);
	archive_read_support_format_tar(s->a);
	if (archive_read_open(s->a, s, NULL, read_in, NULL) != ARCHIVE_OK)
		return fail(s, err);
	return 0;
}

void stream_done(struct stream *s)
{
	archive_read_free(s->a);
	free(s->block);
}

/* ---- The end ---- */

static bool is_zeros(const uint8_t *bytes, size_t len)
{
	return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

/* To the end of the input, so that the writer does not die of SIGPIPE. */
static int check_padding(struct stream *s, struct error *err)
{
	uint64_t rest = s->given - archive_filter_bytes(s->a, 0), sum = 0;
	size_t len = MIN(rest, s->block_len);
	const uint8_t *bytes = s->block + s->block_len - len;

	for (;;) {
		sum += len;
		if (sum > PADDING_MAX || !is_zeros(bytes, len))
			return error_set(err, 0, "the stream goes on after its end");
		ssize_t n = read_block(s);
		if (n <= 0)
			return n < 0 ? fail(s, err) : 0;
		bytes = s->block;
		len = n;
	}
}

static int check_end(struct stream *s, struct error *err)
{
	if (s->given == 0)
		return fail(s, err);
	if (archive_filter_bytes(s->a, 0) == archive_read_header_position(s->a))
		return error_set(
			err, 0, "the stream was cut off: its end mark is missing");
	return check_padding(s, err);
}

/* ---- Entries ---- */

int stream_next(struct stream *s, struct archive_entry **ret, const char **ret_warning,
	struct error *err)
{
	s->in_header = true;
	s->header_left = HEADER_MAX;
	int r = archive_read_next_header(s->a, ret);
	s->in_header = false;
	if (r == ARCHIVE_EOF)
		return check_end(s, err);
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return fail(s, err);
	/* A name that is not in the locale's character set is left as it is, which is right. */
	*ret_warning = r == ARCHIVE_WARN ? archive_error_string(s->a) : NULL;
	if (*ret_warning && strstr(*ret_warning, "can't be converted"))
		*ret_warning = NULL;
	return 1;
}

int stream_data(struct stream *s, const void **ret, size_t *ret_len, int64_t *ret_offset,
	struct error *err)
{
	int r = archive_read_data_block(s->a, ret, ret_len, ret_offset);

	if (r == ARCHIVE_EOF)
		return 0;
	return r == ARCHIVE_OK ? 1 : fail(s, err);
}

int stream_skip(struct stream *s, struct error *err)
{
	return archive_read_data_skip(s->a) < ARCHIVE_WARN ? fail(s, err) : 0;
}
