/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What `docker save` writes: an archive with
 *
 *	manifest.json	the images: their names, and the paths of the others
 *	HEX.json	the configuration; HEX is its SHA-256
 *	…/layer.tar	the layers; the configuration has the SHA-256 of each
 *
 * Newer ones name the files as an OCI image layout does, and have an index.json besides.
 */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "image/layers.h"

static int choose(const struct image_reader *r, const struct docker_images *images,
	const struct docker_image **ret, struct error *err)
{
	VECTOR(const char *) names = {0};
	const char *chosen;

	vector_foreach (image, images)
		vector_foreach (name, &image->names)
			vector_push(&names, *name);
	/* Names of one image are as good as each other. */
	bool need_not_choose = !r->tag && images->len == 1;
	int result = need_not_choose
		? 0
		: image_choose_name(r, names.items, names.len, &chosen, err);
	if (result == 0 && !need_not_choose && !chosen)
		result = error_set(err, 0,
			"the image '%s' has several images without names",
			r->source->path);
	vector_done(&names);
	if (result < 0)
		return -1;
	*ret = &images->items[0];
	vector_foreach (image, images)
		vector_foreach (name, &image->names)
			if (!need_not_choose && *name == chosen)
				*ret = image;
	return 0;
}

/* The digest in a configuration's name; "": it has none. */
static void config_digest(const char *name, char ret[static SHA256_HEX_LEN + 1])
{
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;

	ret[0] = '\0';
	if (strlen(base) < SHA256_HEX_LEN)
		return;
	memcpy(ret, base, SHA256_HEX_LEN);
	ret[SHA256_HEX_LEN] = '\0';
	if (!sha256_is_hex(ret) ||
		(base[SHA256_HEX_LEN] && strcmp(base + SHA256_HEX_LEN, ".json") != 0))
		ret[0] = '\0';
}

static int read_config(const struct image_reader *r, const struct docker_image *image,
	struct oci_config *ret, struct error *err)
{
	char digest[SHA256_HEX_LEN + 1];
	CLEANUP_FREE char *data = NULL;
	size_t len;

	config_digest(image->config, digest);
	if (image_source_read(r->source, image->config, *digest ? digest : NULL, &data,
		    &len, err) < 0)
		return -1;
	if (oci_config_parse(data, len, ret, err) < 0)
		return error_prefix(err, "read '%s' in the image '%s'", image->config,
			r->source->path);
	return 0;
}

static int add_layers(const struct image_reader *r, const struct docker_image *image,
	const struct oci_config *config, struct error *err)
{
	if (!image_platform_fits(r, config->os, config->architecture))
		return error_set(err, 0,
			"the image '%s' is for %s/%s, and the VM is linux/%s",
			r->source->path, config->os ? config->os : "linux",
			config->architecture ? config->architecture : "?",
			r->input->architecture->debian);
	if (config->layers.len != image->layers.len)
		return error_set(err, 0,
			"the image '%s' has %zu layers, and its configuration %zu",
			r->source->path, image->layers.len, config->layers.len);
	for (size_t i = 0; i < image->layers.len; i++)
		if (image_add_layer(r, image->layers.items[i], NULL,
			    config->layers.items[i], err) < 0)
			return error_prefix(
				err, "layer %zu of %zu", i + 1, image->layers.len);
	log_info("image: %zu layers", image->layers.len);
	return 0;
}

int docker_archive_read(
	const struct image_reader *r, struct image_config *ret, struct error *err)
{
	CLEANUP(docker_images_done) struct docker_images images = {0};
	CLEANUP(oci_config_done) struct oci_config config = {0};
	const struct docker_image *image;
	CLEANUP_FREE char *data = NULL;
	size_t len;

	if (image_source_read(r->source, "manifest.json", NULL, &data, &len, err) < 0)
		return error_prefix(err, "it is not an archive of `docker save`");
	if (docker_manifest_parse(data, len, &images, err) < 0)
		return error_prefix(
			err, "read manifest.json in the image '%s'", r->source->path);
	if (choose(r, &images, &image, err) < 0 ||
		read_config(r, image, &config, err) < 0 ||
		add_layers(r, image, &config, err) < 0)
		return -1;
	*ret = config.image;
	config.image = (struct image_config){0};
	return 0;
}
