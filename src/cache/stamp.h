/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files that an answer depends on: a list of paths, each with what stat() said of it
 * when the answer was made. While stat() says the same of all of them, the answer holds.
 * A path takes one to two microseconds; if there are thousands, several threads look.
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
 * An identity is device, inode, mode, owner, size, and both times to the nanosecond. The
 * time of change can't be set back, so we see a file that was edited and given its old
 * time of modification, and another file put in its place. The identity of one file of
 * thousands (stamp_add_itself()) has fewer numbers: whatever changes mode, owner or
 * content changes the time of change, too. The inode number of a directory does not count.
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
/* An absent path has to stay absent. Of a symlink, both it and its target count. */
void stamp_add(struct stamp *stamp, const char *path);
/* The same in the system that is installed in `root`. */
void stamp_add_below(struct stamp *stamp, const char *root, const char *path);
/* The path itself alone: not the target of a symlink, and not a directory's times and
 * size, which change with its entries. Returns its mode, or 0 if it is absent. */
mode_t stamp_add_itself(struct stamp *stamp, const char *path);
void stamp_done(struct stamp *stamp);

/* Also false if the bytes end within a field. */
bool stamp_fits(const char *fields, size_t len);
/* The same for the paths of stamp_add() alone; those of stamp_add_itself() are not looked
 * at. */
bool stamp_few_fit(const char *fields, size_t len);

/* A thread that looks whether the paths of stamp_add_itself() fit, while the caller waits
 * for something else. */
struct stamp_check;
/* `bytes`, which `fields` points into, is freed at the end. */
struct stamp_check *stamp_check_start(char *bytes, const char *fields, size_t len);
/* Wait for the answer, and free. */
bool stamp_check_end(struct stamp_check *c);
