/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as each document of a container image. A digest becomes a part of a path: it may
 * be nothing but hexadecimal digits. */
#include <stdint.h>
#include <stdlib.h>

#include "image/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_document(const struct oci_document *document)
{
	vector_foreach (item, &document->items)
		if (!sha256_is_hex(item->digest))
			abort();
	if (!document->is_index &&
		(!sha256_is_hex(document->config.digest) ||
			document->items.len > IMAGE_LAYERS_MAX))
		abort();
}

/* What an appliance's manifest keeps is read back as it was. */
static void check_config(const struct oci_config *config)
{
	struct image_config again;

	vector_foreach (layer, &config->layers)
		if (!sha256_is_hex(*layer))
			abort();
	json_t *json = image_config_json(&config->image);
	if (image_config_parse(json, &again, NULL) < 0 ||
		again.env.len != config->image.env.len ||
		again.words.len != config->image.words.len ||
		!again.cwd != !config->image.cwd)
		abort();
	json_decref(json);
	image_config_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct oci_document document;
	struct oci_config config;
	struct docker_images images;
	struct error err;

	if (oci_document_parse(text, size, &document, &err) == 0) {
		check_document(&document);
		oci_document_done(&document);
	}
	if (oci_config_parse(text, size, &config, &err) == 0) {
		check_config(&config);
		oci_config_done(&config);
	}
	if (docker_manifest_parse(text, size, &images, &err) == 0)
		docker_images_done(&images);
	return 0;
}
