/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an answer depends on, as a list of paths and of what stat() said of each when the
 * answer was made: as long as it says the same of all of them, the answer stands. A path
 * takes one to two microseconds; where there are thousands, several threads look.
 *
 *	struct stamp stamp;
 *	stamp_start(&stamp);			before anything is read
 *	… read PATH, stamp_add(&stamp, PATH) …	in any order
 *	write(stamp.fields.data, stamp.fields.len)
 *	…
 *	stamp_fits(data, len)			later, from the bytes that were written
 *
 * The bytes are a row of NUL-terminated fields: { PATH  IDENTITY }. A path that has
 * changed since stamp_start() when it is added gets an identity that never fits, since the
 * change may have come after the path was read: the next caller makes the answer again.
 *
 * An identity is device, inode, mode, owner, size, and both times to the nanosecond; the
 * time of change can't be set back by anyone, so a file that was edited and given its old
 * time is seen all the same, and so is another file put in its place. Of one of
 * thousands, fewer: what changes mode, owner or content changes that time as well. Of a
 * directory the inode does not count.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "base/strbuf.h"

struct stamp {
	struct strbuf fields;
	struct timespec start;
};

void stamp_start(struct stamp *stamp);
/* It may be absent: then it has to stay so. Of a symlink, both it and its target
 * count. */
void stamp_add(struct stamp *stamp, const char *path);
/* The same in the system that is installed in `root`. */
void stamp_add_below(struct stamp *stamp, const char *root, const char *path);
/* The path itself alone: not the target of a symlink, nor what of a directory changes
 * with its entries. Returns what it is; 0: absent. */
mode_t stamp_add_itself(struct stamp *stamp, const char *path);
void stamp_done(struct stamp *stamp);

/* False, too, if the bytes are cut off within a field. */
bool stamp_fits(const char *fields, size_t len);
/* The same for the paths of stamp_add() alone: those of stamp_add_itself() are taken to
 * fit. */
bool stamp_few_fit(const char *fields, size_t len);

/* Whether the paths of stamp_add_itself() fit, found out by a thread, so that it costs no
 * time where the caller waits for something else. */
struct stamp_check;
/* `bytes`, which `fields` points into, is freed at the end. */
struct stamp_check *stamp_check_start(char *bytes, const char *fields, size_t len);
/* Wait for the answer, and free. */
bool stamp_check_end(struct stamp_check *c);
