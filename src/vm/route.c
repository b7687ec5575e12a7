/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which routes there are: the pairs of a machine and a root bus that fit each other and
 * the caller's wishes. The builder finds out which of them the kernel has modules for, and
 * the start, which of them qemu has devices for.
 */
#include <string.h>

#include "vm/profile.h"
#include "vm/vm.h"

const char *vm_machine_at(size_t i)
{
	const struct machine_type *machine = machine_type_at(i);

	return machine ? machine->name : NULL;
}

const char *vm_root_bus_at(size_t i)
{
	const struct root_bus *bus = root_bus_at(i);

	return bus ? bus->name : NULL;
}

static void add_modules(const struct machine_type *machine, const struct root_bus *bus,
	struct strvec *modules)
{
	bool is_mmio = machine->transport == TRANSPORT_MMIO;

	strvec_add(modules, is_mmio ? "virtio_mmio" : "virtio_pci");
	if (bus->kind == ROOT_IDE)
		strvec_add(modules, machine->ide_driver);
	for (const char *const *module = bus->modules; *module; module++)
		strvec_add(modules, *module);
	/* The user's disks. */
	if (!bus->named_as_disks)
		strvec_add(modules, "virtio_blk");
	/* The agent's port. */
	strvec_add(modules, "virtio_console");
}

static bool is_wanted(const char *name, const char *wish)
{
	return !wish || strcmp(name, wish) == 0;
}

static void add_route(const struct vm_wishes *wishes, const struct machine_type *machine,
	const struct root_bus *bus, struct vm_routes *ret)
{
	struct vm_route route = {.machine = machine->name, .root_bus = bus->name};

	if (strcmp(machine->processor->architecture, wishes->architecture) != 0 ||
		!is_wanted(machine->name, wishes->machine) ||
		!is_wanted(bus->name, wishes->root_bus) || !profile_fits(machine, bus))
		return;
	route.name = xasprintf("%s/%s", machine->name, bus->name);
	add_modules(machine, bus, &route.modules);
	vector_push(ret, route);
}

static int no_route(const struct vm_wishes *wishes, struct error *err)
{
	const struct machine_type *machine =
		wishes->machine ? machine_type_find(wishes->machine) : NULL;

	if (machine &&
		strcmp(machine->processor->architecture, wishes->architecture) != 0)
		return error_set(err, 0, "a machine '%s' has no processor for %s guests",
			wishes->machine, wishes->architecture);
	return error_set(err, 0,
		"for %s, a machine '%s' can't have its root disk on '%s'",
		wishes->architecture, wishes->machine ? wishes->machine : "auto",
		wishes->root_bus ? wishes->root_bus : "auto");
}

int vm_routes_find(
	const struct vm_wishes *wishes, struct vm_routes *ret, struct error *err)
{
	struct vm_routes routes = {0};
	const struct machine_type *machine;
	const struct root_bus *bus;

	for (size_t b = 0; (bus = root_bus_at(b)); b++)
		for (size_t m = 0; (machine = machine_type_at(m)); m++)
			add_route(wishes, machine, bus, &routes);
	if (!routes.len)
		return no_route(wishes, err);
	*ret = routes;
	return 0;
}

void vm_route_done(struct vm_route *route)
{
	free(route->name);
	strvec_done(&route->modules);
}

void vm_routes_done(struct vm_routes *routes)
{
	vector_foreach (route, routes)
		vm_route_done(route);
	vector_done(routes);
}
