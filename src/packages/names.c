/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "packages/names.h"

#include <string.h>

#include "base/log.h"

static void append(
	struct names *n, struct arena *arena, const char *name, struct named entry)
{
	struct named *added = arena_alloc(arena, sizeof(*added));
	struct named *last = strmap_get(&n->map, name);

	*added = entry;
	if (!last) {
		strmap_put(&n->map, name, added);
		return;
	}
	while (last->next)
		last = last->next;
	last->next = added;
}

void names_add(struct names *n, struct arena *arena, const struct package *pkg)
{
	append(n, arena, pkg->name,
		(struct named){.package = pkg, .version = pkg->version});
}

void names_add_provided(struct names *n, struct arena *arena, const char *name,
	const struct package *pkg, const char *version)
{
	append(n, arena, name,
		(struct named){.package = pkg, .version = version, .provided = true});
}

const struct named *names_get(const struct names *n, const char *name)
{
	return strmap_get(&n->map, name);
}

const char *names_arch(const struct names *n, const char *arch)
{
	return n->every_arch && strcmp(arch, n->every_arch) == 0 ? n->native_arch : arch;
}

const struct package *names_find(
	const struct names *n, const char *name, const char *arch)
{
	const struct named *first = names_get(n, name);

	for (const struct named *e = first; e && !e->provided; e = e->next) {
		const char *own = e->package->arch;
		if (strcmp(names_arch(n, own), arch ? arch : n->native_arch) == 0 ||
			(arch && strcmp(own, arch) == 0))
			return e->package;
	}
	return first && !first->provided && !arch ? first->package : NULL;
}

const struct package *names_find_provider(const struct names *n, const char *name)
{
	for (const struct named *e = names_get(n, name); e; e = e->next)
		if (e->provided) {
			log_info("packages: '%s' is provided by '%s'", name,
				e->package->name);
			return e->package;
		}
	return NULL;
}

void names_done(struct names *n)
{
	strmap_done(&n->map);
}
