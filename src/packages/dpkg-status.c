/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dpkg's status file: a stanza for each package it knows, installed or not. Pure.
 *
 * "Status: want flag state": only the last word tells what is on the disk. Everything
 * from "unpacked" on has its files there, configured or not; "half-installed" may have
 * some of them.
 */
#include <string.h>

#include "packages/deb822.h"
#include "packages/dpkg.h"

struct stanza {
	struct dpkg_package *package;
	size_t line;
	bool has_status;
};

static const struct {
	const char *word;
	bool installed;
} states[] = {
	{"not-installed", false},
	{"config-files", false},
	{"half-installed", false},
	{"unpacked", true},
	{"half-configured", true},
	{"triggers-awaited", true},
	{"triggers-pending", true},
	{"installed", true},
};

static int parse_state(const char *value, bool *ret_installed)
{
	const char *word = strrchr(value, ' ');

	word = word ? word + 1 : value;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (strcmp(word, states[i].word) == 0) {
			*ret_installed = states[i].installed;
			return 0;
		}
	return -1;
}

static enum dpkg_multi_arch parse_multi_arch(const char *value)
{
	if (strcmp(value, "same") == 0)
		return DPKG_MULTI_ARCH_SAME;
	if (strcmp(value, "foreign") == 0)
		return DPKG_MULTI_ARCH_FOREIGN;
	if (strcmp(value, "allowed") == 0)
		return DPKG_MULTI_ARCH_ALLOWED;
	return DPKG_MULTI_ARCH_NO;
}

/* Where a field's text goes as it is. NULL: a field that is something else, or nothing to
 * us. */
static const char **plain_field(
	struct dpkg_package *pkg, const struct deb822_field *field)
{
	const struct {
		const char *name;
		const char **place;
	} fields[] = {
		{"Package", &pkg->package.name},
		{"Version", &pkg->package.version},
		{"Architecture", &pkg->package.arch},
		{"Depends", &pkg->depends},
		{"Pre-Depends", &pkg->pre_depends},
		{"Provides", &pkg->provides},
		{"Conffiles", &pkg->conffiles},
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (deb822_field_is(field, fields[i].name))
			return fields[i].place;
	return NULL;
}

static int take_field(struct arena *arena, struct stanza *s,
	const struct deb822_field *field, const char *file, struct error *err)
{
	const char **place = plain_field(s->package, field);
	bool is_status = deb822_field_is(field, "Status");
	bool is_multi_arch = deb822_field_is(field, "Multi-Arch");

	if (!place && !is_status && !is_multi_arch)
		return 0;
	if ((place && *place) || (is_status && s->has_status))
		return error_set(err, 0, "'%s' line %zu: a second '%.*s' in one stanza",
			file, field->line, (int)field->name_len, field->name);

	const char *value = arena_strndup(arena, field->value, field->value_len);
	if (place)
		*place = value;
	else if (is_multi_arch)
		s->package->multi_arch = parse_multi_arch(value);
	else if (parse_state(value, &s->package->installed) < 0)
		return error_set(err, 0, "'%s' line %zu: unknown status '%.100s'", file,
			field->line, value);
	s->has_status |= is_status;
	return 0;
}

/* A package's name becomes part of file names. */
static bool valid_name(const char *name)
{
	return *name && name[0] != '.' && !strpbrk(name, "/: \t\n");
}

static int end_stanza(
	struct stanza *s, const char *file, struct dpkg_packages *ret, struct error *err)
{
	const struct package *p = &s->package->package;
	const char *missing = !p->name ? "Package"
		: !s->has_status       ? "Status"
		: !p->version	       ? "Version"
		: !p->arch	       ? "Architecture"
				       : NULL;

	/* What was removed, or is only wished for, need not have more than its name. */
	if (missing && (!p->name || !s->has_status || s->package->installed))
		return error_set(err, 0,
			"'%s' line %zu: the stanza of '%.100s' has no '%s'", file,
			s->line, p->name ? p->name : "a package", missing);
	if (!valid_name(p->name) || (p->arch && !valid_name(p->arch)))
		return error_set(err, 0,
			"'%s' line %zu: '%.100s' can't be a package's name", file,
			s->line, p->name);
	if (!p->arch)
		s->package->package.arch = "";
	vector_push(ret, s->package);
	*s = (struct stanza){0};
	return 0;
}

int dpkg_status_parse(struct arena *arena, const char *text, size_t len, const char *file,
	struct dpkg_packages *ret, struct error *err)
{
	struct deb822 parser;
	struct deb822_field field;
	struct stanza stanza = {0};

	deb822_init(&parser, text, len, file);
	for (;;) {
		switch (deb822_next(&parser, &field, err)) {
		case DEB822_FIELD:
			if (!stanza.package)
				stanza = (struct stanza){
					.package = arena_alloc(
						arena, sizeof(*stanza.package)),
					.line = field.line,
				};
			if (take_field(arena, &stanza, &field, file, err) < 0)
				return -1;
			break;
		case DEB822_STANZA_END:
			if (end_stanza(&stanza, file, ret, err) < 0)
				return -1;
			break;
		case DEB822_END:
			return 0;
		case DEB822_ERROR:
			return -1;
		}
	}
}
