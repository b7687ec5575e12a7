/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the appliance and the VM meet: src/vm knows the routes, src/build which of them a
 * kernel can take, and neither knows the other.
 */
#include <errno.h>
#include <string.h>

#include "api/handle.h"
#include "appliance/boot-route.h"
#include "base/log.h"
#include "protocol/protocol.h"

int handle_find_architecture(struct hypermin *h)
{
	if (!h->architecture)
		h->architecture = architecture_of_root(h->root, &h->error);
	return h->architecture ? 0 : -1;
}

int handle_find_routes(struct hypermin *h)
{
	if (h->routes.len)
		return 0;
	if (handle_find_architecture(h) < 0)
		return -1;
	const struct vm_wishes wishes = {.architecture = h->architecture->name,
		.machine = h->machine,
		.root_bus = h->root_bus};
	return vm_routes_find(&wishes, &h->routes, &h->error);
}

int handle_appliance_request(struct hypermin *h, struct appliance_request *ret)
{
	if (h->modules_dir && !h->kernel)
		return error_set(&h->error, 0,
			"use the modules in '%s': a directory of modules goes with --kernel, "
			"which names the kernel that they belong to",
			h->modules_dir);
	if (h->image && h->packages.len)
		return error_set(&h->error, 0,
			"add the package '%s': the VM is made of an image, which has its own "
			"packages",
			h->packages.items[0]);
	if (handle_find_routes(h) < 0)
		return -1;
	struct appliance_request request = {
		.root = h->root,
		.architecture = h->architecture,
		.agent_version = PROTOCOL_VERSION,
		.packages = h->packages,
		.kernel = h->kernel,
		.modules_dir = h->modules_dir,
		/* On a machine the kernel is at a random address. */
		.packed_kernel = h->plain,
		.image = h->image,
		.strict = h->strict,
	};
	vector_foreach (route, &h->routes) {
		CLEANUP_FREE char *text = boot_route_text(route->name, &route->modules);
		strvec_add(&request.routes, text);
	}
	*ret = request;
	return 0;
}

const struct vm_route *handle_route(const struct hypermin *h)
{
	vector_foreach (route, &h->routes)
		if (strcmp(route->name, h->appliance.route) == 0)
			return route;
	return NULL;
}

bool handle_close_route(struct hypermin *h)
{
	const struct vm_route *closed = handle_route(h);
	size_t i = closed - h->routes.items;

	if (h->routes.len < 2 || h->fixed)
		return false;
	log_info("route %s is closed: %-s", closed->name, h->error.msg);
	appliance_done(&h->appliance);
	vm_route_done(&h->routes.items[i]);
	memmove(&h->routes.items[i], &h->routes.items[i + 1],
		(--h->routes.len - i) * sizeof(h->routes.items[0]));
	return true;
}
