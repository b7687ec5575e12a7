/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/json.h"

#include <jansson.h>
#include <string.h>

#include "base/mem.h"
#include "cache/manifest.h"

static json_t *load(const char *data, size_t len, struct error *err)
{
	json_error_t why;

	/* Of two values with one name, programs take different ones: then one of them could
	 * check what another does not use. */
	json_t *json = json_loadb(data, len, JSON_REJECT_DUPLICATES, &why);
	return json
		? json
		: error_null(err, 0, "it is not JSON: line %d: %s", why.line, why.text);
}

/* NULL or null: it is not there. */
static bool is_absent(const json_t *json)
{
	return !json || json_is_null(json);
}

/* "sha256:HEX" */
static int parse_digest(
	const json_t *json, char ret[static SHA256_HEX_LEN + 1], struct error *err)
{
	static const char prefix[] = "sha256:";
	const char *text = json_string_value(json);

	if (!text)
		return error_set(err, 0, "a digest is missing in it");
	/* It becomes a part of a path. */
	if (strncmp(text, prefix, strlen(prefix)) != 0 ||
		!sha256_is_hex(text + strlen(prefix)))
		return error_set(err, 0,
			"'%.100s' in it is no SHA-256 digest, the only kind that hypermin "
			"knows",
			text);
	strcpy(ret, text + strlen(prefix));
	return 0;
}

static char *copy_text(const json_t *json)
{
	const char *text = json_string_value(json);

	return text && *text ? xstrdup(text) : NULL;
}

/* ---- OCI ---- */

static void descriptor_done(struct oci_descriptor *d)
{
	free(d->name);
	free(d->os);
	free(d->architecture);
}

static int parse_descriptor(
	const json_t *json, struct oci_descriptor *ret, struct error *err)
{
	const json_t *size = json_object_get(json, "size");
	const json_t *platform = json_object_get(json, "platform");
	const json_t *notes = json_object_get(json, "annotations");
	/* The whole name, where the other is only the tag. */
	const json_t *name = json_object_get(notes, "io.containerd.image.name");

	if (parse_digest(json_object_get(json, "digest"), ret->digest, err) < 0)
		return -1;
	if (!json_is_integer(size) || json_integer_value(size) < 0)
		return error_set(
			err, 0, "the size of %.16s… is missing in it", ret->digest);
	ret->size = json_integer_value(size);
	if (is_absent(name))
		name = json_object_get(notes, "org.opencontainers.image.ref.name");
	ret->name = copy_text(name);
	ret->os = copy_text(json_object_get(platform, "os"));
	ret->architecture = copy_text(json_object_get(platform, "architecture"));
	return 0;
}

static int parse_descriptors(
	const json_t *list, struct oci_descriptors *ret, struct error *err)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		struct oci_descriptor d = {0};
		if (parse_descriptor(item, &d, err) < 0)
			return -1;
		vector_push(ret, d);
	}
	return 0;
}

static int parse_document(
	const json_t *json, struct oci_document *document, struct error *err)
{
	const json_t *manifests = json_object_get(json, "manifests");
	const json_t *layers = json_object_get(json, "layers");

	/* One that is both would be another image for other programs. */
	if (is_absent(manifests) == is_absent(layers))
		return error_set(
			err, 0, "it is neither an index nor a manifest of an image");
	document->is_index = !is_absent(manifests);
	const json_t *list = document->is_index ? manifests : layers;
	if (!json_is_array(list))
		return error_set(err, 0, "its list of images or layers is not a list");
	if (!document->is_index && json_array_size(list) > IMAGE_LAYERS_MAX)
		return error_set(err, 0, "it has %zu layers, and may have %d",
			json_array_size(list), IMAGE_LAYERS_MAX);
	if (parse_descriptors(list, &document->items, err) < 0)
		return -1;
	return document->is_index ? 0
				  : parse_descriptor(json_object_get(json, "config"),
					    &document->config, err);
}

int oci_document_parse(
	const char *data, size_t len, struct oci_document *ret, struct error *err)
{
	CLEANUP_JSON json_t *json = load(data, len, err);
	struct oci_document document = {0};

	if (!json)
		return -1;
	int result = parse_document(json, &document, err);
	if (result < 0)
		oci_document_done(&document);
	else
		*ret = document;
	return result;
}

void oci_document_done(struct oci_document *document)
{
	vector_foreach (d, &document->items)
		descriptor_done(d);
	vector_done(&document->items);
	descriptor_done(&document->config);
	*document = (struct oci_document){0};
}

static int parse_config(const json_t *json, struct oci_config *config, struct error *err)
{
	const json_t *rootfs = json_object_get(json, "rootfs"), *item;
	char digest[SHA256_HEX_LEN + 1];
	size_t i;

	if (!json_is_object(json))
		return error_set(err, 0, "it is not a JSON object");
	config->os = copy_text(json_object_get(json, "os"));
	config->architecture = copy_text(json_object_get(json, "architecture"));
	json_array_foreach(json_object_get(rootfs, "diff_ids"), i, item)
	{
		if (parse_digest(item, digest, err) < 0)
			return -1;
		strvec_add(&config->layers, digest);
	}
	return image_config_parse(json_object_get(json, "config"), &config->image, err);
}

int oci_config_parse(
	const char *data, size_t len, struct oci_config *ret, struct error *err)
{
	CLEANUP_JSON json_t *json = load(data, len, err);
	struct oci_config config = {0};

	if (!json)
		return -1;
	int result = parse_config(json, &config, err);
	if (result < 0)
		oci_config_done(&config);
	else
		*ret = config;
	return result;
}

void oci_config_done(struct oci_config *config)
{
	free(config->os);
	free(config->architecture);
	strvec_done(&config->layers);
	image_config_done(&config->image);
	*config = (struct oci_config){0};
}

/* ---- Docker ---- */

static int parse_texts(
	const json_t *json, const char *name, struct strvec *ret, struct error *err)
{
	const json_t *list = json_object_get(json, name), *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (!json_is_string(item))
			return error_set(err, 0, "its '%s' is not a list of texts", name);
		strvec_add(ret, json_string_value(item));
	}
	return 0;
}

static int parse_docker_image(
	const json_t *json, struct docker_image *image, struct error *err)
{
	image->config = copy_text(json_object_get(json, "Config"));
	if (!image->config)
		return error_set(err, 0, "its 'Config' names no file");
	if (parse_texts(json, "RepoTags", &image->names, err) < 0 ||
		parse_texts(json, "Layers", &image->layers, err) < 0)
		return -1;
	if (image->layers.len > IMAGE_LAYERS_MAX)
		return error_set(err, 0, "it has %zu layers, and may have %d",
			image->layers.len, IMAGE_LAYERS_MAX);
	return 0;
}

int docker_manifest_parse(
	const char *data, size_t len, struct docker_images *ret, struct error *err)
{
	CLEANUP_JSON json_t *json = load(data, len, err);
	struct docker_images images = {0};
	const json_t *item;
	int result = 0;
	size_t i;

	if (!json)
		return -1;
	if (json_array_size(json) == 0)
		return error_set(err, 0, "it is not a list of images");
	json_array_foreach(json, i, item)
	{
		struct docker_image image = {0};
		result = parse_docker_image(item, &image, err);
		vector_push(&images, image);
		if (result < 0)
			break;
	}
	if (result < 0)
		docker_images_done(&images);
	else
		*ret = images;
	return result;
}

void docker_images_done(struct docker_images *images)
{
	vector_foreach (image, images) {
		free(image->config);
		strvec_done(&image->names);
		strvec_done(&image->layers);
	}
	vector_done(images);
}
