/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the formats of images share. */
#pragma once

#include "image/image.h"
#include "image/json.h"
#include "image/source.h"

struct image_reader {
	const struct image_source *source;
	const struct image_input *input;
	/* NULL: none is asked for. */
	const char *tag;
	struct tree *t;
};

int oci_read(const struct image_reader *r, struct image_config *ret, struct error *err);
int docker_archive_read(
	const struct image_reader *r, struct image_config *ret, struct error *err);

/* One layer. Of the digests one may be NULL. */
int image_add_layer(const struct image_reader *r, const char *file, const char *digest,
	const char *plain_digest, struct error *err);

/* Which of an image's names is meant by a tag: `names` may have NULL and duplicates. The
 * name, which is NULL if no tag is asked for and no image has a name. */
int image_choose_name(const struct image_reader *r, const char *const *names, size_t len,
	const char **ret, struct error *err);

/* Is it for Linux on this processor? What is NULL is not said, and may be. */
bool image_platform_fits(
	const struct image_reader *r, const char *os, const char *architecture);
