/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * OCI image layouts:
 *
 *	index.json		an index: the images by their names, each a manifest or an
 *				index of one for several platforms
 *	blobs/sha256/HEX	each document and each layer, by its digest
 */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "image/layers.h"

/* Indexes may name indexes. */
#define DEPTH_MAX     8
#define DOCUMENTS_MAX 200

struct search {
	const struct image_reader *r;
	unsigned documents;
	/* The platforms that were passed over, as text. */
	struct strbuf platforms;
	/* What fits. */
	struct oci_document manifest;
	struct oci_config config;
};

static char *blob_name(const char *digest)
{
	return xasprintf("blobs/sha256/%s", digest);
}

static int read_document(const struct image_reader *r, const char *name,
	const char *digest, struct oci_document *ret, struct error *err)
{
	CLEANUP_FREE char *data = NULL;
	size_t len;

	if (image_source_read(r->source, name, digest, &data, &len, err) < 0)
		return -1;
	if (oci_document_parse(data, len, ret, err) < 0)
		return error_prefix(
			err, "read '%s' in the image '%s'", name, r->source->path);
	return 0;
}

/* 1: it is for another platform. */
static int check_platform(struct search *s, const char *os, const char *architecture)
{
	if (image_platform_fits(s->r, os, architecture))
		return 0;
	/* What is attached to an image (a signature, a list of packages) is for none. */
	if (os && architecture && strcmp(os, "unknown") != 0)
		strbuf_addf(&s->platforms, "%s%.50s/%.50s", s->platforms.len ? ", " : "",
			os, architecture);
	return 1;
}

/* 1: it is for another platform. */
static int take_manifest(
	struct search *s, struct oci_document *manifest, struct error *err)
{
	CLEANUP_FREE char *name = blob_name(manifest->config.digest);
	CLEANUP(oci_config_done) struct oci_config config = {0};
	CLEANUP_FREE char *data = NULL;
	size_t len;

	if (image_source_read(
		    s->r->source, name, manifest->config.digest, &data, &len, err) < 0)
		return -1;
	if (oci_config_parse(data, len, &config, err) < 0)
		return error_prefix(
			err, "read '%s' in the image '%s'", name, s->r->source->path);
	if (check_platform(s, config.os, config.architecture) == 1)
		return 1;
	if (config.layers.len && config.layers.len != manifest->items.len)
		return error_set(err, 0,
			"the manifest of the image '%s' has %zu layers, and its "
			"configuration %zu",
			s->r->source->path, manifest->items.len, config.layers.len);
	s->manifest = *manifest;
	*manifest = (struct oci_document){0};
	s->config = config;
	config = (struct oci_config){0};
	return 0;
}

/* 1: it is for another platform, or all that it names are. */
static int descend(struct search *s, const struct oci_descriptor *from, unsigned depth,
	struct error *err)
{
	CLEANUP(oci_document_done) struct oci_document document = {0};
	CLEANUP_FREE char *name = blob_name(from->digest);
	int result = check_platform(s, from->os, from->architecture);

	if (result != 0)
		return result;
	if (depth > DEPTH_MAX || ++s->documents > DOCUMENTS_MAX)
		return error_set(err, 0, "the image '%s' has too many indexes",
			s->r->source->path);
	if (read_document(s->r, name, from->digest, &document, err) < 0)
		return -1;
	if (!document.is_index)
		return take_manifest(s, &document, err);
	result = 1;
	for (size_t i = 0; i < document.items.len && result == 1; i++)
		result = descend(s, &document.items.items[i], depth + 1, err);
	return result;
}

/* Of all that have the name, the first for the platform. */
static int choose(struct search *s, struct error *err)
{
	CLEANUP(oci_document_done) struct oci_document index = {0};
	const char *name;
	int result = 1;

	if (read_document(s->r, "index.json", NULL, &index, err) < 0)
		return error_prefix(err, "it is no OCI image layout");
	if (!index.is_index)
		return error_set(
			err, 0, "index.json of '%s' is not an index", s->r->source->path);
	VECTOR(const char *) names = {0};
	vector_foreach (item, &index.items)
		vector_push(&names, item->name);
	int chosen = image_choose_name(s->r, names.items, names.len, &name, err);
	vector_done(&names);
	if (chosen < 0)
		return -1;
	for (size_t i = 0; i < index.items.len && result == 1; i++) {
		const struct oci_descriptor *item = &index.items.items[i];
		if (!name || (item->name && strcmp(item->name, name) == 0))
			result = descend(s, item, 0, err);
	}
	if (result == 1)
		return error_set(err, 0,
			"the image '%s' has nothing for linux/%s, the VM's platform; it has "
			"%.1000s",
			s->r->source->path, s->r->input->architecture->debian,
			s->platforms.len ? s->platforms.data : "no manifest");
	return result;
}

static int add_layers(const struct search *s, struct error *err)
{
	const struct oci_descriptors *layers = &s->manifest.items;

	for (size_t i = 0; i < layers->len; i++) {
		CLEANUP_FREE char *name = blob_name(layers->items[i].digest);
		if (image_add_layer(s->r, name, layers->items[i].digest, NULL, err) < 0)
			return error_prefix(err, "layer %zu of %zu", i + 1, layers->len);
	}
	log_info("image: %zu layers", layers->len);
	return 0;
}

int oci_read(const struct image_reader *r, struct image_config *ret, struct error *err)
{
	struct search s = {.r = r};
	int result = choose(&s, err);

	if (result == 0)
		result = add_layers(&s, err);
	if (result == 0) {
		*ret = s.config.image;
		s.config.image = (struct image_config){0};
	}
	oci_document_done(&s.manifest);
	oci_config_done(&s.config);
	strbuf_done(&s.platforms);
	return result;
}
