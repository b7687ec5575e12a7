/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kinds of things in the cache: what store.h says of each kind is a row here. */
#include "cache/kinds.h"

#include "base/strbuf.h"
#include "cache/manifest.h"

static char *describe_appliance(
	const struct cache *cache, const char *key, const json_t *manifest)
{
	const json_t *asked_for = json_object_get(manifest, "asked_for");
	const json_t *image = json_object_get(manifest, "image");
	struct strbuf sb = {0};

	(void)cache;
	(void)key;
	strbuf_addf(&sb, "kernel %s, ",
		manifest_text(json_object_get(manifest, "kernel"), "version"));
	if (image)
		strbuf_addf(&sb, "image %s", manifest_text(image, "name"));
	else
		strbuf_addf(&sb, "%zu packages",
			json_array_size(json_object_get(manifest, "packages")));
	for (size_t i = 0; i < json_array_size(asked_for); i++) {
		const char *name = json_string_value(json_array_get(asked_for, i));
		strbuf_addf(&sb, "%s %s", i ? "," : " with", name ? name : "?");
	}
	return strbuf_detach(&sb);
}

static char *describe_part(
	const struct cache *cache, const char *key, const json_t *manifest)
{
	(void)cache;
	(void)key;
	return xstrdup(manifest_text(manifest, "part"));
}

static const char *judge_part(const struct cache *cache, const struct store_item *item)
{
	(void)cache;
	return item->alone ? "no appliance has it" : NULL;
}

/* Something that is still being made is in use, and is not removed. */
static const char *judge_temporary(
	const struct cache *cache, const struct store_item *item)
{
	(void)cache;
	(void)item;
	return "its maker is gone";
}

const struct store_kind_info store_kinds[STORE_KINDS] = {
	[STORE_APPLIANCES] = {"appliances", "appliance", .sealed = true, .ages = true,
		.describe = describe_appliance, .verify = store_verify_sealed,
		.remove = store_remove_sealed},
	[STORE_SNAPSHOTS] = {"snapshots", "snapshot", .sealed = true, .ages = true,
		.describe = snapshots_describe, .judge = snapshots_judge,
		.verify = store_verify_sealed, .remove = store_remove_sealed},
	[STORE_STATES] = {"states", "state", .sealed = true, .describe = states_describe,
		.verify = store_verify_sealed, .remove = store_remove_sealed},
	[STORE_PARTS] = {"parts", "part", .sealed = true, .describe = describe_part,
		.judge = judge_part, .verify = store_verify_sealed,
		.remove = store_remove_sealed},
	[STORE_REQUESTS] = {"requests", "request", .describe = request_describe,
		.judge = request_judge, .verify = request_verify,
		.remove = store_remove_file},
	[STORE_TEMPORARY] = {"temporary", "temporary", .judge = judge_temporary,
		.remove = store_remove_temporary},
	[STORE_LOCKS] = {"locks", "lock", .remove = store_remove_lock},
};
