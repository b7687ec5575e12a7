/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* manifest.json: what an entry was made of, for people and for finding it again. */
#include "appliance/manifest.h"

#include <jansson.h>
#include <string.h>

#include "config.h"

/* A file name may hold any bytes; JSON holds UTF-8. */
static json_t *string_or_null(const char *s)
{
	json_t *json = json_string(s);
	return json ? json : json_null();
}

static json_t *packages_json(const struct package_set *set)
{
	json_t *array = json_array();

	for (size_t i = 0; i < set->len; i++) {
		const struct package *p = set->items[i];
		json_array_append_new(array,
			json_pack("{s:o, s:o, s:o}", "name", string_or_null(p->name),
				"version", string_or_null(p->version), "arch",
				string_or_null(p->arch)));
	}
	return array;
}

static json_t *strings_json(const struct strvec *strings)
{
	json_t *array = json_array();

	vector_foreach (s, strings)
		json_array_append_new(array, string_or_null(*s));
	return array;
}

char *manifest_text(const struct contents *c, const char *key, const char *root_uuid)
{
	json_t *json = json_pack("{s:i, s:s, s:s, s:s, s:{s:o, s:o}, s:s, s:o, s:o}",
		"format", 1, "hypermin", HYPERMIN_VERSION, "key", key, "root_uuid",
		root_uuid, "kernel", "image", string_or_null(c->kernel.image), "version",
		string_or_null(c->kernel.version), "package_manager",
		packages_manager(c->packages), "packages", packages_json(&c->set),
		"left_out_unreadable", strings_json(&c->unreadable));
	char *text = json_dumps(json, JSON_INDENT(2));

	json_decref(json);
	if (!text)
		abort(); /* out of memory: everything in it is valid */
	return text;
}

bool manifest_read_uuid(const char *text, size_t len, char ret[static 37])
{
	json_t *json = json_loadb(text, len, 0, NULL);
	const char *uuid = json_string_value(json_object_get(json, "root_uuid"));
	bool valid = uuid && strlen(uuid) == 36;

	if (valid)
		memcpy(ret, uuid, 37);
	json_decref(json);
	return valid;
}
