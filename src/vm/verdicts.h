/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What earlier starts have taught: verdicts on a subject ("accelerator", a machine, a
 * route), for one qemu and one kernel, kept in the cache directory until the host is
 * booted again. They only save time: a start does the same without them.
 */
#pragma once

#include <stdbool.h>

struct verdict_key {
	int cache_fd;	  /* directory, or -1: nothing is remembered */
	const char *qemu; /* path */
	/*
	 * Path; NULL: of any kernel. It is this very file that counts, and not its version or
	 * its content, which a stranger's appliance may share with the user's own.
	 */
	const char *kernel;
};

/* True: known. *ret_reason is a new string. */
bool verdict_recall(const struct verdict_key *key, const char *subject,
	char ret_verdict[static 16], char **ret_reason);
void verdict_remember(const struct verdict_key *key, const char *subject,
	const char *verdict, const char *reason);
