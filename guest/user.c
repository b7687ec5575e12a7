/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Entries are found by their names first: a name may look like a number. */
#include "guest/user.h"

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* (uid_t)-1 means "unchanged" to the system calls, so it is nobody's number. */
static bool parse_id(const char *s, uint32_t *ret)
{
	uint64_t v = 0;
	size_t len = strlen(s);

	if (len == 0 || len > 10 || strspn(s, "0123456789") != len)
		return false;
	v = strtoull(s, NULL, 10);
	if (v >= UINT32_MAX)
		return false;
	*ret = v;
	return true;
}

/* What is too long to keep is like what is not there: NULL, where some C libraries read a line
 * of NIS ("+name"). */
static void copy_field(char *ret, size_t size, const char *s)
{
	ret[0] = '\0';
	if (s && strlen(s) < size)
		strcpy(ret, s);
}

static const struct passwd *find_passwd(
	FILE *table, const char *name, const uint32_t *uid)
{
	const struct passwd *p;

	rewind(table);
	while ((p = fgetpwent(table)))
		if (name ? strcmp(p->pw_name, name) == 0 : p->pw_uid == *uid)
			break;
	return p;
}

static const struct group *find_group(FILE *table, const char *name, const uint32_t *gid)
{
	const struct group *g;

	rewind(table);
	while ((g = fgetgrent(table)))
		if (name ? strcmp(g->gr_name, name) == 0 : g->gr_gid == *gid)
			break;
	return g;
}

static int resolve_user(const char *spec, FILE *passwd, struct user *u)
{
	const struct passwd *p = find_passwd(passwd, spec, NULL);

	if (!p && !parse_id(spec, &u->uid))
		return -1;
	if (!p)
		p = find_passwd(passwd, NULL, &u->uid);
	if (!p) {
		u->gid = u->uid; /* a number needs no entry */
		return 0;
	}
	if (p->pw_uid == UINT32_MAX || p->pw_gid == UINT32_MAX)
		return -1;
	u->uid = p->pw_uid;
	u->gid = p->pw_gid;
	copy_field(u->name, sizeof(u->name), p->pw_name);
	copy_field(u->home, sizeof(u->home), p->pw_dir);
	copy_field(u->shell, sizeof(u->shell), p->pw_shell);
	return 0;
}

static int resolve_group(const char *spec, FILE *group, struct user *u)
{
	const struct group *g = find_group(group, spec, NULL);

	if (!g)
		return parse_id(spec, &u->gid) ? 0 : -1;
	if (g->gr_gid == UINT32_MAX)
		return -1;
	u->gid = g->gr_gid;
	return 0;
}

static void collect_groups(FILE *group, struct user *u)
{
	struct group *g;

	u->groups[u->n_groups++] = u->gid;
	rewind(group);
	while (u->name[0] && u->n_groups < USER_GROUPS_MAX && (g = fgetgrent(group))) {
		char **member = g->gr_mem;

		while (*member && strcmp(*member, u->name) != 0)
			member++;
		if (*member && g->gr_gid != u->gid && g->gr_gid != UINT32_MAX)
			u->groups[u->n_groups++] = g->gr_gid;
	}
}

int user_resolve(const char *spec, FILE *passwd, FILE *group, struct user *ret)
{
	char name[256], *colon;

	memset(ret, 0, sizeof(*ret));
	copy_field(name, sizeof(name), *spec ? spec : "0");
	colon = strchr(name, ':');
	if (colon)
		*colon++ = '\0';
	if (!*name || resolve_user(name, passwd, ret) < 0)
		return -1;
	if (colon && resolve_group(colon, group, ret) < 0)
		return -1;
	collect_groups(group, ret);
	if (!ret->home[0])
		strcpy(ret->home, ret->uid == 0 && !ret->name[0] ? "/root" : "/");
	if (!ret->name[0] && ret->uid == 0)
		strcpy(ret->name, "root");
	if (!ret->shell[0])
		strcpy(ret->shell, "/bin/sh");
	return 0;
}
