/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/layers.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"

int image_add_layer(const struct image_reader *r, const char *file, const char *digest,
	const char *plain_digest, struct error *err)
{
	CLEANUP_FREE char *name = xasprintf("%s/%s", r->source->path, file);
	struct image_file found;

	if (image_source_find(r->source, file, &found, err) < 0)
		return -1;
	CLEANUP_CLOSE int fd = found.fd;
	const struct tree_archive layer = {
		.fd = fd,
		.offset = found.offset,
		.size = found.size,
		.name = name,
		.at = "/",
		.spool_dir = r->input->spool_dir,
		.is_layer = true,
		.digest = digest,
		.plain_digest = plain_digest,
	};
	return tree_add_archive(r->t, &layer, err);
}

bool image_platform_fits(
	const struct image_reader *r, const char *os, const char *architecture)
{
	return (!os || strcmp(os, "linux") == 0) &&
		(!architecture ||
			strcmp(architecture, r->input->architecture->debian) == 0);
}

/* ---- Tags ---- */

/* "alpine:3" and "3" mean "docker.io/library/alpine:3" too. */
static bool ends_with(const char *name, const char *tag)
{
	size_t len = strlen(name), tag_len = strlen(tag);

	return len > tag_len && strcmp(name + len - tag_len, tag) == 0 &&
		strchr("/:", name[len - tag_len - 1]);
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

int image_choose_name(const struct image_reader *r, const char *const *names, size_t len,
	const char **ret, struct error *err)
{
	CLEANUP_STRBUF struct strbuf list = {0};
	const char *found = NULL;
	size_t n_found = 0;

	for (size_t i = 0; i < len; i++) {
		size_t k = 0;
		while (k < i && !is_same(names[k], names[i]))
			k++;
		if (!names[i] || k < i)
			continue;
		if (r->tag && strcmp(names[i], r->tag) == 0) {
			*ret = names[i];
			return 0;
		}
		strbuf_addf(&list, "%s%.200s", list.len ? ", " : "", names[i]);
		if (r->tag && !ends_with(names[i], r->tag))
			continue;
		found = names[i];
		n_found++;
	}
	if (n_found == 1 || (n_found == 0 && !r->tag)) {
		*ret = found;
		return 0;
	}
	if (r->tag && n_found == 0)
		return error_set(err, 0, "the image '%s' has no tag '%s'; it has %.1000s",
			r->source->path, r->tag, list.len ? list.data : "none");
	return error_set(err, 0,
		"the image '%s' has several tags%s%s; write one behind its path: %.1000s",
		r->source->path, r->tag ? " that end with " : "", r->tag ? r->tag : "",
		list.data);
}
