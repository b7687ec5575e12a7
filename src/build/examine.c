/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a build would find on this host, without building. */
#include "build/examine.h"

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "build/build.h"
#include "build/contents.h"
#include "kernel/kernel.h"
#include "packages/packages.h"

static void add_manager(const char *name, bool in_use, void *data)
{
	(void)in_use;
	strbuf_addf(data, "%s%s", ((struct strbuf *)data)->len ? " or " : "", name);
}

static void examine_packages(
	const struct appliance_request *request, builder_finding_fn *fn, void *data)
{
	struct packages *packages;
	struct error err;
	char text[200];

	if (packages_open(request->root, &packages, &err) < 0) {
		CLEANUP_STRBUF struct strbuf known = {0};
		packages_managers(request->root, add_manager, &known);
		CLEANUP_FREE char *advice =
			xasprintf("an appliance is made of the host's "
				  "packages: run on a host with %s",
				known.data);
		fn(FINDING_PROBLEM, "packages", err.msg, advice, data);
		return;
	}
	snprintf(text, sizeof(text), "%s, %zu packages installed",
		packages_manager(packages), packages_count(packages));
	fn(FINDING_OK, "packages", text, NULL, data);
	packages_close(packages);
}

static void examine_modules(const struct kernel *kernel, struct boot_route *route,
	builder_finding_fn *fn, void *data)
{
	const char *const *names = (const char *const *)strvec_argv(&route->modules);
	CLEANUP(kernel_modules_done) struct kernel_modules modules = {0};
	struct error err;
	CLEANUP_STRBUF struct strbuf text = {0};

	if (kernel_modules_closure(kernel, names, &modules, &err) < 0) {
		fn(FINDING_PROBLEM, "modules", err.msg,
			"install the kernel's modules, or name another kernel with --kernel",
			data);
		return;
	}
	strbuf_addf(&text, "%zu to load from %s:", modules.len, kernel->modules_dir);
	vector_foreach (module, &modules)
		strbuf_addf(&text, " %s", module->name);
	fn(FINDING_OK, "modules", text.data, NULL, data);
}

static void examine_kernel(
	const struct appliance_request *request, builder_finding_fn *fn, void *data)
{
	CLEANUP_STRVEC struct strvec rejected = {0};
	struct boot_route route;
	struct kernel kernel;
	struct error err;

	if (contents_find_kernel(request, &kernel, &route, &rejected, &err) < 0) {
		fn(FINDING_PROBLEM, "kernel", err.msg, NULL, data);
		return;
	}
	CLEANUP_FREE char *text =
		xasprintf("%s, version %s", kernel.image, kernel.version);
	fn(FINDING_OK, "kernel", text, NULL, data);
	vector_foreach (reason, &rejected) {
		CLEANUP_FREE char *passed = xasprintf("passed over %s", *reason);
		fn(FINDING_NOTE, "kernel", passed, NULL, data);
	}
	examine_modules(&kernel, &route, fn, data);
	boot_route_done(&route);
	kernel_done(&kernel);
}

void examine_host(const struct appliance_request *request, const char *guest,
	builder_finding_fn *fn, void *data)
{
	CLEANUP_FREE char *program = NULL;
	struct error err;
	size_t len;

	if (build_read_guest(guest, request->architecture, &program, &len, &err) < 0)
		fn(FINDING_PROBLEM, "guest", err.msg,
			architecture_is_host(request->architecture)
				? "a part of hypermin is missing: install it again"
				: NULL,
			data);
	examine_packages(request, fn, data);
	examine_kernel(request, fn, data);
}

int examine_owner(const char *root, const char *path, builder_finding_fn *fn, void *data,
	struct error *err)
{
	const struct package *package;
	struct packages *packages;

	if (packages_open(root, &packages, err) < 0)
		return -1;
	int result = packages_owner(packages, path, &package, err);
	if (result == 0) {
		CLEANUP_FREE char *label = packages_label(packages, package);
		fn(FINDING_OK, "owner", label, NULL, data);
	}
	packages_close(packages);
	return result < 0 ? -1 : 0;
}
