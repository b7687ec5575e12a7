/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of a handle's VM, for programs. Of one that another process keeps, that knows
 * it, and says it with the session's description. */
#include <errno.h>
#include <jansson.h>

#include "api/handle.h"

/* -1 is unknown. */
static json_t *known_number(int64_t number)
{
	return number < 0 ? json_null() : json_integer(number);
}

static const char *kind_of_start(const struct hypermin *h)
{
	if (!h->vm)
		return NULL;
	if (h->state)
		return "state";
	return vm_is_resumed(h->vm) ? "snapshot" : "boot";
}

json_t *handle_describe(const struct hypermin *h)
{
	const struct vm_route *route = h->appliance.route ? handle_route(h) : NULL;
	struct vm_usage usage = {-1, -1};

	if (h->vm)
		usage = vm_usage(h->vm);
	return json_pack(
		"{s:s?, s:s?, s:b, s:s?, s:s?, s:s?, s:i, s:i, s:s?, s:s?, s:o, s:o, s:o}",
		"start", kind_of_start(h), "why_boot", h->vm ? h->why_boot : NULL,
		"running", h->vm && vm_is_running(h->vm), "accelerator",
		!h->vm			       ? NULL
			: vm_ran_as(h->vm).kvm ? "kvm"
					       : "tcg",
		"machine", route ? route->machine : NULL, "root_bus",
		route ? route->root_bus : NULL, "memory_mib", (int)handle_memory_mib(h),
		"cpus", (int)handle_cpus(h), "kernel", h->appliance.kernel_version,
		"qemu_version", h->vm ? vm_qemu_version(h->vm) : NULL, "appliance_built",
		route ? json_boolean(h->appliance.built) : json_null(),
		"peak_memory_bytes", known_number(usage.peak_memory), "cpu_us",
		known_number(usage.cpu_us));
}

static void take_description(
	const struct hypermin_session *session, const char *json, void *data)
{
	json_t *all = json_loads(json, 0, NULL);

	(void)session;
	*(json_t **)data = json_incref(json_object_get(all, "vm"));
	json_decref(all);
}

char *hypermin_describe(struct hypermin *h)
{
	json_t *vm = NULL;

	if (h->session) {
		if (session_describe(h, h->session, take_description, &vm) < 0)
			return NULL;
		if (!vm)
			return error_null(&h->error, ENOENT,
				"describe the VM: its keeper does not answer");
		if (h->owner_fd >= 0)
			json_object_set_new(vm, "start", json_string("ready"));
	} else {
		pthread_mutex_lock(&h->lock);
		vm = handle_describe(h);
		pthread_mutex_unlock(&h->lock);
	}
	char *text = vm ? json_dumps(vm, JSON_COMPACT) : NULL;
	json_decref(vm);
	if (!text)
		return error_null(&h->error, EILSEQ, "describe the VM");
	return text;
}
