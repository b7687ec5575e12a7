/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The digest of a request. The order of packages, and one that is named twice, make no
 * difference. */
#include <string.h>

#include "appliance/appliance.h"
#include "config.h"

void appliance_request_digest(
	const struct appliance_request *request, char ret[static SHA256_HEX_LEN + 1])
{
	CLEANUP_STRVEC struct strvec packages = {0};
	CLEANUP_FREE char *agent = xasprintf("agent %u", request->agent_version);
	struct sha256 ctx;

	vector_foreach (name, &request->packages)
		strvec_add(&packages, *name);
	strvec_sort(&packages);
	sha256_start(&ctx);
	sha256_add_string(&ctx, HYPERMIN_VERSION);
	sha256_add_string(&ctx, agent);
	sha256_add_string(&ctx, request->root);
	sha256_add_string(&ctx, request->architecture->name);
	sha256_add_string(&ctx, request->kernel ? request->kernel : "");
	sha256_add_string(&ctx, request->modules_dir ? request->modules_dir : "");
	sha256_add_string(&ctx, request->packed_kernel ? "packed" : "");
	sha256_add_string(&ctx, request->image ? request->image : "");
	for (size_t i = 0; i < packages.len; i++)
		if (i == 0 || strcmp(packages.items[i], packages.items[i - 1]) != 0)
			sha256_add_string(&ctx, packages.items[i]);
	/* Between the lists: no package has an empty name. */
	sha256_add_string(&ctx, "");
	vector_foreach (route, &request->routes)
		sha256_add_string(&ctx, *route);
	sha256_end_hex(&ctx, ret);
}
