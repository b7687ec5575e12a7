/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "appliance/image-name.h"
#include "image/layers.h"

static int add_root_archive(struct tree *t, const struct image_input *input,
	const char *path, struct error *err)
{
	stamp_add(input->stamp, path);
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "open the image '%s'", path);
	const struct tree_archive archive = {
		.fd = fd,
		.name = path,
		.at = "/",
		.spool_dir = input->spool_dir,
		.by_content = true,
	};
	if (tree_add_archive(t, &archive, err) < 0)
		return -1;
	/* Nothing would run in it, and the reason would not show. */
	if (tree_lookup(t, "/oci-layout") && tree_lookup(t, "/index.json"))
		return error_set(err, 0,
			"'%s' is not a root file system, but an archive of an image: write "
			"oci-archive:%s",
			path, path);
	if (tree_lookup(t, "/manifest.json") && !tree_lookup(t, "/bin") &&
		!tree_lookup(t, "/usr"))
		return error_set(err, 0,
			"'%s' is not a root file system, but an archive of an image: write "
			"docker-archive:%s",
			path, path);
	return 0;
}

static int add_image(struct tree *t, const struct image_input *input,
	const struct image_name *name, struct image_config *ret, struct error *err)
{
	struct image_source source;
	const struct image_reader reader = {
		.source = &source, .input = input, .tag = name->tag, .t = t};

	if (image_source_open(&source, name->path, name->kind != IMAGE_OCI, input->stamp,
		    input->spool_dir, err) < 0)
		return -1;
	int result = name->kind == IMAGE_DOCKER_ARCHIVE
		? docker_archive_read(&reader, ret, err)
		: oci_read(&reader, ret, err);
	image_source_done(&source);
	return result;
}

int image_add(struct tree *t, const struct image_input *input, struct image_config *ret,
	struct error *err)
{
	CLEANUP(image_name_done) struct image_name name = {0};

	if (image_name_parse(input->name, &name, err) < 0)
		return -1;
	*ret = (struct image_config){0};
	return name.kind == IMAGE_ROOT_ARCHIVE
		? add_root_archive(t, input, name.path, err)
		: add_image(t, input, &name, ret, err);
}
