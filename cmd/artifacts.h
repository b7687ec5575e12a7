/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* --artifacts: what is brought out of a run's VM when the command has ended, however it has. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "settings.h"

struct artifact {
	char *path;	       /* in the guest */
	const char *directory; /* here; there it gets its own name */
	bool copied;
	char *error; /* why it is not, or not whole; NULL: nothing was tried */
};

struct artifacts {
	struct artifact *items;
	size_t len;
};

/* option_row.take: `member` is a struct artifacts *. */
int artifacts_take(const struct option_row *row, void *member, const char *value);
void artifacts_free(struct artifacts *a);

/* Make the directories that are missing. -1 after a message. */
int artifacts_prepare(const struct artifacts *a);
/* Bring all of them out that can be. What can't is a warning. */
void artifacts_fetch(struct artifacts *a, struct hypermin *vm);
