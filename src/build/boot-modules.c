/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A route's text: one word for its name, and the modules in the order in which they are
 * loaded. */
#include "build/boot-modules.h"

#include <string.h>

/* The root's file system (ext4's driver mounts ext2 too), and a writable / above it. */
static const char *const always[] = {"ext4", "overlay"};

void boot_route_parse(const char *text, struct boot_route *ret)
{
	size_t name_len = strcspn(text, ":");
	CLEANUP_FREE char *copy = xstrdup(text + name_len + (text[name_len] == ':'));
	char *rest = copy;

	*ret = (struct boot_route){.name = xstrndup(text, name_len)};
	for (char *module; (module = strsep(&rest, ","));)
		if (*module)
			strvec_add(&ret->modules, module);
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		strvec_add(&ret->modules, always[i]);
}

void boot_route_done(struct boot_route *route)
{
	free(route->name);
	strvec_done(&route->modules);
	*route = (struct boot_route){0};
}
