/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The JSON documents of container images. All of it comes from others: the parsers are pure,
 * and what they return has the form that it should have.
 *
 *	OCI index	{ "manifests": [ DESCRIPTOR, … ] }
 *	OCI manifest	{ "config": DESCRIPTOR, "layers": [ DESCRIPTOR, … ] }
 *	configuration	{ "architecture": "amd64", "os": "linux", "config": { "Env": … },
 *			  "rootfs": { "diff_ids": [ "sha256:…", … ] } }
 *	docker archive	[ { "Config": PATH, "RepoTags": [ … ], "Layers": [ PATH, … ] }, … ]
 *
 *	DESCRIPTOR	{ "mediaType": "…", "digest": "sha256:…", "size": 123,
 *			  "platform": { "os": "linux", "architecture": "amd64" },
 *			  "annotations": { "org.opencontainers.image.ref.name": "TAG" } }
 *
 * Docker's own manifests and lists of manifests are the same in all that is read here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "appliance/image-config.h"
#include "base/sha256.h"

/* The largest document; registries take no larger manifest. */
#define IMAGE_JSON_MAX	 (4 * 1024 * 1024)
#define IMAGE_LAYERS_MAX 1000

struct oci_descriptor {
	/* In hexadecimal. */
	char digest[SHA256_HEX_LEN + 1];
	uint64_t size;
	/* The image's name in the layout; NULL: it has none. */
	char *name;
	/* NULL: not said. */
	char *os, *architecture;
};

struct oci_descriptors {
	struct oci_descriptor *items;
	size_t len;
	size_t cap;
};

/* An index or a manifest: which of the two shows in what it has. */
struct oci_document {
	bool is_index;
	/* Of the index its manifests, of the manifest its layers. */
	struct oci_descriptors items;
	/* Of the manifest. */
	struct oci_descriptor config;
};

int oci_document_parse(
	const char *data, size_t len, struct oci_document *ret, struct error *err);
void oci_document_done(struct oci_document *document);

struct oci_config {
	/* NULL: not said. */
	char *os, *architecture;
	/* The SHA-256 of each layer's uncompressed archive, in hexadecimal. */
	struct strvec layers;
	struct image_config image;
};

int oci_config_parse(
	const char *data, size_t len, struct oci_config *ret, struct error *err);
void oci_config_done(struct oci_config *config);

/* Paths are in the archive. */
struct docker_image {
	char *config;
	struct strvec names, layers;
};

struct docker_images {
	struct docker_image *items;
	size_t len;
	size_t cap;
};

int docker_manifest_parse(
	const char *data, size_t len, struct docker_images *ret, struct error *err);
void docker_images_done(struct docker_images *images);
