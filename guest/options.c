/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's command line: words between blanks. */
#include "guest/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/boot.h"

#define DEFAULT_TIMEOUT_S 60

/* What follows `prefix` in word, or NULL. */
static const char *after(const char *word, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(word, prefix, len) == 0 ? word + len : NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* 8-4-4-4-12 hexadecimal digits. */
static int parse_uuid(const char *s, uint8_t ret[static 16])
{
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (*s++ != '-')
				return -1;
		int high = hex_digit(s[0]);
		int low = high < 0 ? -1 : hex_digit(s[1]);

		if (low < 0)
			return -1;
		ret[i] = high << 4 | low;
		s += 2;
	}
	return *s == '\0' ? 0 : -1;
}

static int copy_string(char *ret, size_t size, const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len >= size)
		return -1;
	memcpy(ret, s, len + 1);
	return 0;
}

static int parse_root(const char *value, struct boot_options *o)
{
	const char *rest;

	if ((rest = after(value, "UUID="))) {
		o->root = ROOT_UUID;
		return parse_uuid(rest, o->uuid);
	}
	if ((rest = after(value, "LABEL="))) {
		o->root = ROOT_LABEL;
		return copy_string(o->label, sizeof(o->label), rest);
	}
	if ((rest = after(value, "/dev/")) && !strchr(rest, '/') && rest[0] != '.') {
		o->root = ROOT_DEVICE;
		return copy_string(o->device, sizeof(o->device), rest);
	}
	return -1;
}

static int parse_timeout(const char *value, unsigned *ret)
{
	char *end;
	unsigned long seconds = strtoul(value, &end, 10);

	if (!isdigit((unsigned char)value[0]) || *end || seconds > 24 * 3600)
		return -1;
	*ret = seconds;
	return 0;
}

static int parse_word(const char *word, struct boot_options *o)
{
	const char *value;

	if ((value = after(word, BOOT_ROOT)))
		return parse_root(value, o);
	if ((value = after(word, BOOT_ROOT_SERIAL)))
		return copy_string(o->serial, sizeof(o->serial), value);
	if ((value = after(word, BOOT_TIMEZONE)))
		return copy_string(o->timezone, sizeof(o->timezone), value);
	if ((value = after(word, BOOT_ROOT_TIMEOUT))) {
		o->timeout_said = true;
		return parse_timeout(value, &o->timeout_s);
	}
	if ((value = after(word, BOOT_HOLD)))
		return copy_string(o->hold, sizeof(o->hold), value);
	if (strcmp(word, BOOT_ATTACH) == 0)
		o->attach = true;
	if (strcmp(word, BOOT_DAX) == 0)
		o->dax = true;
	if (strcmp(word, BOOT_DEBUG) == 0)
		o->debug = true;
	if (strcmp(word, BOOT_TIMELINE) == 0)
		o->timeline = true;
	if (strcmp(word, BOOT_SHELL) == 0)
		o->shell = true;
	if (strcmp(word, "quiet") == 0)
		o->quiet = true;
	return 0;
}

int boot_options_parse(const char *cmdline, struct boot_options *ret, struct error *err)
{
	struct boot_options o = {.timeout_s = DEFAULT_TIMEOUT_S};
	char word[256];

	for (const char *s = cmdline; *s;) {
		size_t blanks = strspn(s, " \t\n");
		size_t len = strcspn(s + blanks, " \t\n");

		s += blanks;
		/* None of ours is as long. */
		if (len > 0 && len < sizeof(word)) {
			memcpy(word, s, len);
			word[len] = '\0';
			if (parse_word(word, &o) < 0)
				return error_set(err, 0,
					"the kernel's command line has '%s', which is "
					"malformed",
					word);
		}
		s += len;
	}
	if (o.root == ROOT_UNSET)
		return error_set(err, 0, "the kernel's command line has no root=");
	*ret = o;
	return 0;
}
