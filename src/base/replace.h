/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory that is complete whenever it is there, and is never missing while it is
 * replaced:
 *
 *	OUT.making-XXXXXX/    filled beside the old one, and locked as long as its maker lives
 *	      ⇅               exchanged with OUT in one step
 *	OUT.making-XXXXXX/    now the old one: removed
 *
 * If a maker was killed, the lock of its directory is free, and the next maker removes it.
 * Where the file system has no locks, it does so when the directory is a day old.
 */
#pragma once

#include "base/error.h"

struct replacement {
	/* OUT; if that is a symlink to a directory, what it leads to. */
	char *path;
	/* NULL: nothing is to be removed. */
	char *temporary;
	/* Of the temporary directory. */
	int fd;
};

int replacement_begin(const char *path, struct replacement *ret, struct error *err);
/* A directory beside a path, that is never published. Others may write where the path is: a
 * link that they have put there is not followed. */
int replacement_begin_temporary(
	const char *path, struct replacement *ret, struct error *err);
int replacement_publish(struct replacement *r, struct error *err);
/* Remove what was not published: without a replacement_publish() the directory was a
 * temporary one. */
void replacement_done(struct replacement *r);
