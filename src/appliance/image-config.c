/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "appliance/image-config.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"

static const struct {
	const char *name;
	size_t offset;
} lists[] =
	{
		{"Env", offsetof(struct image_config, env)},
		{"Entrypoint", offsetof(struct image_config, entrypoint)},
		{"Cmd", offsetof(struct image_config, words)},
},
  texts[] = {
	  {"WorkingDir", offsetof(struct image_config, cwd)},
	  {"User", offsetof(struct image_config, user)},
};

#define AT(config, row, type) ((type *)((char *)(config) + (row).offset))

static int parse_list(
	const json_t *json, const char *name, struct strvec *ret, struct error *err)
{
	const json_t *list = json_object_get(json, name), *item;
	size_t i;

	if (!list || json_is_null(list))
		return 0;
	bool is_valid = json_is_array(list);
	json_array_foreach(list, i, item)
	{
		is_valid &= json_is_string(item);
		if (is_valid)
			strvec_add(ret, json_string_value(item));
	}
	return is_valid ? 0 : error_set(err, 0, "its '%s' is not a list of texts", name);
}

static int parse_text(const json_t *json, const char *name, char **ret, struct error *err)
{
	const json_t *text = json_object_get(json, name);

	if (!text || json_is_null(text))
		return 0;
	if (!json_is_string(text))
		return error_set(err, 0, "its '%s' is not a text", name);
	if (json_string_length(text))
		*ret = xstrdup(json_string_value(text));
	return 0;
}

/* A variable without a value sets nothing. */
static void drop_bare_names(struct strvec *env)
{
	size_t kept = 0;

	for (size_t i = 0; i < env->len; i++)
		if (strchr(env->items[i], '=') > env->items[i])
			env->items[kept++] = env->items[i];
		else
			free(env->items[i]);
	env->len = kept;
}

int image_config_parse(const json_t *json, struct image_config *ret, struct error *err)
{
	struct image_config config = {0};
	int result = 0;

	if (json && !json_is_object(json) && !json_is_null(json))
		return error_set(err, 0, "its 'config' is not an object");
	for (size_t i = 0; i < ARRAY_SIZE(lists) && result == 0; i++)
		result = parse_list(
			json, lists[i].name, AT(&config, lists[i], struct strvec), err);
	for (size_t i = 0; i < ARRAY_SIZE(texts) && result == 0; i++)
		result = parse_text(
			json, texts[i].name, AT(&config, texts[i], char *), err);
	drop_bare_names(&config.env);
	if (config.cwd && config.cwd[0] != '/') {
		CLEANUP_FREE char *relative = config.cwd;
		config.cwd = xasprintf("/%s", relative);
	}
	if (result < 0)
		image_config_done(&config);
	else
		*ret = config;
	return result;
}

json_t *image_config_json(const struct image_config *config)
{
	json_t *json = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		json_t *list = json_array();
		vector_foreach (text, AT(config, lists[i], struct strvec))
			json_array_append_new(list, json_string(*text));
		json_object_set_new(json, lists[i].name, list);
	}
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *text = *AT(config, texts[i], char *);
		if (text)
			json_object_set_new(json, texts[i].name, json_string(text));
	}
	return json;
}

void image_config_done(struct image_config *config)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		strvec_done(AT(config, lists[i], struct strvec));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(*AT(config, texts[i], char *));
	*config = (struct image_config){0};
}
