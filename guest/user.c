/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines of fields between colons: passwd(5) and group(5). */
#include "guest/user.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct span {
	const char *s;
	size_t len;
};

/* Field number i of the line at `line`; empty if the line has fewer. */
static struct span get_field(const char *line, int i)
{
	while (i-- > 0) {
		line += strcspn(line, ":\n");
		if (*line == ':')
			line++;
	}
	return (struct span){line, strcspn(line, ":\n")};
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

static bool span_is(struct span f, const char *s, size_t len)
{
	return f.len == len && memcmp(f.s, s, len) == 0;
}

static void span_copy(char *ret, size_t size, struct span f)
{
	size_t len = f.len < size ? f.len : 0;

	memcpy(ret, f.s, len);
	ret[len] = '\0';
}

/* (uid_t)-1 means "unchanged" to the system calls, so it is nobody's number. */
static bool parse_id(const char *s, size_t len, uint32_t *ret)
{
	uint64_t v = 0;

	if (len == 0 || len > 10)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (s[i] - '0');
	}
	if (v >= UINT32_MAX)
		return false;
	*ret = v;
	return true;
}

/* The line whose first field is `name`, or else whose third is the number that name
 * is. */
static const char *find_line(const char *table, const char *name, size_t len)
{
	uint32_t id, line_id;

	for (const char *line = table; *line; line = next_line(line))
		if (span_is(get_field(line, 0), name, len))
			return line;
	if (!parse_id(name, len, &id))
		return NULL;
	for (const char *line = table; *line; line = next_line(line)) {
		struct span f = get_field(line, 2);

		if (parse_id(f.s, f.len, &line_id) && line_id == id)
			return line;
	}
	return NULL;
}

/* Whether `name` is in a group's list of members, "a,b,c". */
static bool has_member(struct span list, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < list.len;) {
		const char *comma = memchr(list.s + i, ',', list.len - i);
		size_t n = comma ? comma - (list.s + i) : list.len - i;

		if (n == len && memcmp(list.s + i, name, len) == 0)
			return true;
		i += n + 1;
	}
	return false;
}

static void collect_groups(const char *group, struct user *u)
{
	u->groups[u->n_groups++] = u->gid;
	for (const char *line = group; *line && u->name[0]; line = next_line(line)) {
		struct span f = get_field(line, 2);
		uint32_t gid;

		if (u->n_groups < USER_GROUPS_MAX && parse_id(f.s, f.len, &gid) &&
			gid != u->gid && has_member(get_field(line, 3), u->name))
			u->groups[u->n_groups++] = gid;
	}
}

static int resolve_user(const char *spec, size_t len, const char *passwd, struct user *u)
{
	const char *line = find_line(passwd, spec, len);

	if (line) {
		struct span uid = get_field(line, 2), gid = get_field(line, 3);

		if (!parse_id(uid.s, uid.len, &u->uid) ||
			!parse_id(gid.s, gid.len, &u->gid))
			return -1;
		span_copy(u->name, sizeof(u->name), get_field(line, 0));
		span_copy(u->home, sizeof(u->home), get_field(line, 5));
		span_copy(u->shell, sizeof(u->shell), get_field(line, 6));
	} else if (parse_id(spec, len, &u->uid)) {
		u->gid = u->uid; /* a number needs no entry */
	} else {
		return -1;
	}
	return 0;
}

static int resolve_group(const char *spec, const char *group, struct user *u)
{
	const char *line = find_line(group, spec, strlen(spec));
	struct span f = line ? get_field(line, 2) : (struct span){spec, strlen(spec)};

	return parse_id(f.s, f.len, &u->gid) ? 0 : -1;
}

int user_resolve(
	const char *spec, const char *passwd, const char *group, struct user *ret)
{
	const char *who = *spec ? spec : "0";
	const char *colon = strchr(who, ':');
	size_t len = colon ? (size_t)(colon - who) : strlen(who);

	memset(ret, 0, sizeof(*ret));
	if (resolve_user(who, len, passwd, ret) < 0)
		return -1;
	if (colon && resolve_group(colon + 1, group, ret) < 0)
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
