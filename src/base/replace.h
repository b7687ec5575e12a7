/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory that is there whole or not at all, and never missing while it is replaced:
 *
 *	OUT.making-XXXXXX/    filled beside the old one, and locked as long as its maker lives
 *	      ⇅               exchanged with OUT in one step
 *	OUT.making-XXXXXX/    now the old one: removed
 *
 * What a killed maker left is found by its lock being free, and is removed by the next
 * one; where there are no locks, when it is a day old.
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
int replacement_publish(struct replacement *r, struct error *err);
/* What was not published is gone. One who never publishes has a temporary directory. */
void replacement_done(struct replacement *r);
