/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Debian's control files: see deb822.h for the tokens. */
#include "packages/deb822.h"

#include <string.h>
#include <strings.h>

void deb822_init(struct deb822 *p, const char *text, size_t len, const char *name)
{
	*p = (struct deb822){.pos = text, .end = text + len, .name = name, .line = 1};
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Step over the line at pos; returns where its newline is. */
static const char *take_line(struct deb822 *p, struct error *err)
{
	const char *newline = memchr(p->pos, '\n', p->end - p->pos);

	if (!newline)
		return error_null(err, 0,
			"'%s' line %zu: the file ends in the middle of a line, it was "
			"cut short",
			p->name, p->line);
	if (memchr(p->pos, '\0', newline - p->pos))
		return error_null(err, 0, "'%s' line %zu: holds a NUL, this is not text",
			p->name, p->line);
	p->pos = newline + 1;
	p->line++;
	return newline;
}

static void trim(const char **start, const char **end)
{
	while (*start < *end && is_blank(**start))
		(*start)++;
	while (*end > *start && is_blank((*end)[-1]))
		(*end)--;
}

static enum deb822_token field(
	struct deb822 *p, struct deb822_field *ret, struct error *err)
{
	const char *name = p->pos;
	size_t line = p->line;
	const char *end = take_line(p, err);

	if (!end)
		return DEB822_ERROR;
	const char *colon = memchr(name, ':', end - name);
	if (!colon || colon == name)
		goto malformed;
	for (const char *c = name; c < colon; c++)
		if (*c <= ' ' || *c > '~')
			goto malformed;

	while (p->pos < p->end && (*p->pos == ' ' || *p->pos == '\t')) {
		end = take_line(p, err);
		if (!end)
			return DEB822_ERROR;
	}
	const char *value = colon + 1;
	trim(&value, &end);
	*ret = (struct deb822_field){name, colon - name, value, end - value, line};
	p->in_stanza = true;
	return DEB822_FIELD;

malformed:
	error_set(err, 0, "'%s' line %zu: expected 'Field: value'", p->name, line);
	return DEB822_ERROR;
}

enum deb822_token deb822_next(
	struct deb822 *p, struct deb822_field *ret, struct error *err)
{
	while (p->pos < p->end && *p->pos == '\n') {
		p->pos++;
		p->line++;
		if (p->in_stanza) {
			p->in_stanza = false;
			return DEB822_STANZA_END;
		}
	}
	if (p->pos < p->end)
		return field(p, ret, err);
	if (p->in_stanza) {
		p->in_stanza = false;
		return DEB822_STANZA_END;
	}
	return DEB822_END;
}

bool deb822_field_is(const struct deb822_field *field, const char *name)
{
	return strlen(name) == field->name_len &&
		strncasecmp(name, field->name, field->name_len) == 0;
}
