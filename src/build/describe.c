/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From contents to JSON. */
#include "build/describe.h"

#include "cache/manifest.h"

static json_t *packages_json(const struct package_set *set)
{
	json_t *array = json_array();

	for (size_t i = 0; i < set->len; i++) {
		const struct package *p = set->items[i];
		json_array_append_new(array,
			json_pack("{s:o, s:o, s:o}", "name", manifest_string(p->name),
				"version", manifest_string(p->version), "arch",
				manifest_string(p->arch)));
	}
	return array;
}

static json_t *strings_json(const struct strvec *strings)
{
	json_t *array = json_array();

	vector_foreach (s, strings)
		json_array_append_new(array, manifest_string(*s));
	return array;
}

void describe_contents(json_t *manifest, const struct appliance_request *request,
	const struct contents *c)
{
	json_object_set_new(
		manifest, "machine", json_string(request->architecture->name));
	json_object_set_new(manifest, "kernel",
		json_pack("{s:o, s:o}", "image", manifest_string(c->got.kernel.image),
			"version", manifest_string(c->got.kernel.version)));
	json_object_set_new(manifest, "route", manifest_string(c->route.name));
	json_object_set_new(manifest, "root", manifest_string(request->root));
	if (request->image) {
		json_t *image = image_config_json(&c->image);
		json_object_set_new(image, "name", manifest_string(request->image));
		json_object_set_new(manifest, "image", image);
	} else {
		json_object_set_new(manifest, "package_manager",
			json_string(packages_manager(c->got.packages)));
	}
	json_object_set_new(manifest, "asked_for", strings_json(&request->packages));
	json_object_set_new(manifest, "packages", packages_json(&c->got.set));
	json_object_set_new(
		manifest, "left_out_unreadable", strings_json(&c->got.unreadable));
}
