/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an appliance's manifest says of what it was made from. */
#pragma once

#include <jansson.h>

#include "build/contents.h"

void describe_contents(json_t *manifest, const struct appliance_request *request,
	const struct contents *c);
