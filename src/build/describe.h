/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an appliance was made from, into its manifest, for people who ask what they boot. */
#pragma once

#include <jansson.h>

#include "build/contents.h"

void describe_contents(json_t *manifest, const struct appliance_request *request,
	const struct contents *c);
