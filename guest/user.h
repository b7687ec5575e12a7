/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whom to run a command as: NAME, UID, NAME:GROUP or UID:GID, looked up in the
 * appliance's own /etc/passwd and /etc/group. Pure functions on the text of these files:
 * a static program can't use the appliance's name services anyway.
 */
#pragma once

#include <sys/types.h>

enum {
	/* The kernel takes 65536; nobody's command needs them. */
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

/* `spec` "" is root, which needs no entry. -1 if a name in it does not exist. */
int user_resolve(
	const char *spec, const char *passwd, const char *group, struct user *ret);
