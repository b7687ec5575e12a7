/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Routes to text and back. */
#include "appliance/boot-route.h"

#include <string.h>

#include "base/strbuf.h"

char *boot_route_text(const char *name, const struct strvec *modules)
{
	CLEANUP_STRBUF struct strbuf sb = {0};

	strbuf_addf(&sb, "%s:", name);
	vector_foreach (module, modules)
		strbuf_addf(&sb, "%s%s", module == modules->items ? "" : ",", *module);
	return strbuf_detach(&sb);
}

void boot_route_parse(const char *text, struct boot_route *ret)
{
	size_t name_len = strcspn(text, ":");
	CLEANUP_FREE char *copy = xstrdup(text + name_len + (text[name_len] == ':'));
	char *rest = copy;

	*ret = (struct boot_route){.name = xstrndup(text, name_len)};
	for (char *module; (module = strsep(&rest, ","));)
		if (*module)
			strvec_add(&ret->modules, module);
}

void boot_route_done(struct boot_route *route)
{
	free(route->name);
	strvec_done(&route->modules);
	*route = (struct boot_route){0};
}
