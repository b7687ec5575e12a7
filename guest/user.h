/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whom to run a command as: NAME, UID, NAME:GROUP or UID:GID, looked up in the appliance's
 * own /etc/passwd and /etc/group. A static program can't use its other name services.
 */
#pragma once

#include <stdio.h>
#include <sys/types.h>

enum {
	/* The kernel takes 65536. */
	USER_GROUPS_MAX = 1024,
};

struct user {
	uid_t uid;
	gid_t gid;
	char name[64];
	char home[256];
	char shell[256];
	size_t n_groups;
	gid_t groups[USER_GROUPS_MAX];
};

/* `spec` "" is root, which needs no entry. -1 if a name in it does not exist. The two
 * files are the tables, open for reading. */
int user_resolve(const char *spec, FILE *passwd, FILE *group, struct user *ret);
