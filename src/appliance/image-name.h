/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a user names the image that a VM's root is made of:
 *
 *	oci:DIR[:TAG]			an OCI image layout
 *	oci-archive:FILE[:TAG]		the same in an archive
 *	docker-archive:FILE[:TAG]	what `docker save` writes
 *	FILE				an archive of a root file system
 *
 * A path may have colons: the tag begins behind the last colon in front of which there is
 * a file. So a name means the same when it is read again.
 */
#pragma once

#include "base/error.h"

enum image_kind {
	IMAGE_ROOT_ARCHIVE,
	IMAGE_OCI,
	IMAGE_OCI_ARCHIVE,
	IMAGE_DOCKER_ARCHIVE,
};

struct image_name {
	enum image_kind kind;
	/* Absolute, without symlinks. */
	char *path;
	/* NULL: none. */
	char *tag;
};

int image_name_parse(const char *text, struct image_name *ret, struct error *err);
/* A new string. */
char *image_name_text(const struct image_name *name);
void image_name_done(struct image_name *name);
