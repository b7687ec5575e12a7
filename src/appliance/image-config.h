/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How an image wants its command to run: "config" in the configuration of a container
 * image, and "image" in the manifest of an appliance that was made of one. Both have the
 * same names. Pure.
 *
 *	{ "Env": ["PATH=/bin"], "Entrypoint": ["/entry"], "Cmd": ["serve"],
 *	  "WorkingDir": "/srv", "User": "www:www" }
 */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/vector.h"

struct image_config {
	/* NAME=VALUE */
	struct strvec env;
	/* The command is the entrypoint, and behind it words of the user's, or else these. */
	struct strvec entrypoint, words;
	/* NULL: not said. */
	char *cwd, *user;
};

/* `json` may be NULL or null: nothing is said. */
int image_config_parse(const json_t *json, struct image_config *ret, struct error *err);
json_t *image_config_json(const struct image_config *config);
void image_config_done(struct image_config *config);
