/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last lines of a text that others write. */
#include "vm/console.h"

#include <string.h>

#include "base/printable.h"

#define LINE_MAX_LEN 1000

static void finish_line(struct console *c)
{
	CLEANUP_FREE char *line = printable_dup(strbuf_text(&c->line));

	if (*line)
		c->on_line(line, c->name);
	strbuf_clear(&c->line);
}

static void split_lines(struct console *c, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n' || c->line.len >= LINE_MAX_LEN)
			finish_line(c);
		if (bytes[i] != '\n' && bytes[i] != '\r' && bytes[i] != '\0')
			strbuf_addc(&c->line, bytes[i]);
	}
}

void console_add(struct console *c, const char *bytes, size_t len)
{
	if (c->on_line)
		split_lines(c, bytes, len);
	if (!c->ring)
		c->ring = xmalloc(CONSOLE_RING_SIZE);
	for (size_t i = 0; i < len; i++)
		c->ring[c->total++ % CONSOLE_RING_SIZE] = bytes[i];
}

/* The ring's text in order, with carriage returns and NULs left out. */
static char *text(const struct console *c)
{
	CLEANUP_STRBUF struct strbuf sb = {0};
	size_t len = MIN(c->total, (size_t)CONSOLE_RING_SIZE);

	for (size_t i = c->total - len; i < c->total; i++) {
		char byte = c->ring[i % CONSOLE_RING_SIZE];
		if (byte && byte != '\r')
			strbuf_addc(&sb, byte);
	}
	while (sb.len && sb.data[sb.len - 1] == '\n')
		sb.data[--sb.len] = '\0';
	return strbuf_detach(&sb);
}

char *console_tail(const struct console *c, unsigned n, const char *indent)
{
	CLEANUP_STRBUF struct strbuf sb = {0};
	CLEANUP_FREE char *all = text(c);
	char *start = all + strlen(all);

	while (start > all && n) {
		if (start[-1] == '\n' && --n == 0)
			break;
		start--;
	}
	for (char *line; (line = strsep(&start, "\n"));) {
		CLEANUP_FREE char *printable = printable_dup(line);
		if (*printable)
			strbuf_addf(&sb, "%s%s\n", indent, printable);
	}
	return strbuf_detach(&sb);
}

char *console_find(const struct console *c, const char *what)
{
	CLEANUP_FREE char *all = text(c);
	char *found = NULL;

	for (char *p = all; (p = strstr(p, what)); p++)
		found = p;
	if (!found)
		return NULL;
	found[strcspn(found, "\n")] = '\0';
	return printable_dup(found);
}

static bool ends_at(const struct console *c, size_t end, const char *what, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (c->ring[(end - len + i) % CONSOLE_RING_SIZE] != what[i])
			return false;
	return true;
}

size_t console_end_of(const struct console *c, const char *what)
{
	size_t len = strlen(what);
	size_t kept = MIN(c->total, (size_t)CONSOLE_RING_SIZE);

	for (size_t end = c->total; kept >= len; end--, kept--)
		if (ends_at(c, end, what, len))
			return end;
	return 0;
}

void console_done(struct console *c)
{
	free(c->ring);
	strbuf_done(&c->line);
	*c = (struct console){0};
}
