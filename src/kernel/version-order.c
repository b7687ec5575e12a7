/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kernel versions, and which is preferred. A version is a base and a flavour:
 *
 *	             6.1.0-56 │ -cloud-amd64
 *	6.5.6-300.fc39.x86_64 │
 *	5.14.0-362.el9.x86_64 │ +rt
 *
 * The higher base is better: it has the fixes. With equal bases, a flavour for virtual
 * machines is better than the ordinary one, since it has less to start. The ordinary one
 * is better than a flavour for debugging or real time.
 */
#include "kernel/version-order.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/version.h"
#include "kernel/kernel.h"

static const struct {
	const char *word;
	int rank;
} flavours[] = {
	{"cloud", 1},
	{"kvm", 1},
	{"virt", 1},
	{"virtual", 1},
	{"debug", -1},
	{"dbg", -1},
	{"rt", -1},
};

/* "-rc1" is how the kernel's own build writes what packages write "~rc1". */
static bool is_candidate_suffix(const char *s)
{
	return strncmp(s, "-rc", 3) == 0 && isdigit((unsigned char)s[3]);
}

/* The length of the base: up to a separator with a letter behind it. */
static size_t base_len(const char *version)
{
	const char *p = version;

	while (*p &&
		!((*p == '-' || *p == '+') && isalpha((unsigned char)p[1]) &&
			!is_candidate_suffix(p)))
		p++;
	return p - version;
}

static int flavour_rank(const char *flavour)
{
	int rank = 0;

	while (*flavour) {
		flavour += strspn(flavour, "-+._");
		size_t len = strcspn(flavour, "-+._");
		for (size_t i = 0; i < ARRAY_SIZE(flavours); i++)
			if (strlen(flavours[i].word) == len &&
				strncmp(flavour, flavours[i].word, len) == 0)
				rank += flavours[i].rank;
		flavour += len;
	}
	return rank;
}

static char *normalize(const char *version, size_t len)
{
	char *copy = xstrndup(version, len);

	for (char *p = copy; (p = strchr(p, '-')); p++)
		if (is_candidate_suffix(p))
			*p = '~';
	return copy;
}

static int compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	CLEANUP_FREE char *na = normalize(a, a_len);
	CLEANUP_FREE char *nb = normalize(b, b_len);

	return version_compare(na, a_len, nb, b_len);
}

int kernel_version_compare(const char *a, const char *b)
{
	return compare(a, strlen(a), b, strlen(b));
}

int kernel_version_prefer(const char *a, const char *b)
{
	size_t a_base = base_len(a);
	size_t b_base = base_len(b);

	int diff = compare(a, a_base, b, b_base);
	if (!diff)
		diff = flavour_rank(a + a_base) - flavour_rank(b + b_base);
	return diff ? diff : kernel_version_compare(a, b);
}
