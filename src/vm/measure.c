/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How much of the root was read. Where it is a disk, qemu has counted it. Where it is
 * mapped into the guest's memory, the pages of the file that are mapped in qemu count:
 * those that were used, and those that the host's kernel mapped around them.
 */
#include "vm/measure.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/io.h"
#include "base/monotonic.h"
#include "vm/timeline.h"

#define ANSWER_MS 2000
#define PROC_MAX  (4 * 1024 * 1024)

/* ---- What is read ---- */

int64_t measure_root_bytes(const json_t *devices)
{
	size_t i;
	json_t *device;

	json_array_foreach(devices, i, device)
	{
		const char *name = json_string_value(json_object_get(device, "device"));
		const char *node =
			json_string_value(json_object_get(device, "node-name"));
		const json_t *bytes =
			json_object_get(json_object_get(device, "stats"), "rd_bytes");
		if (((name && strcmp(name, "root") == 0) ||
			    (node && strcmp(node, "root") == 0)) &&
			json_is_integer(bytes))
			return json_integer_value(bytes);
	}
	return -1;
}

int64_t measure_parse_kib(const char *text, const char *name)
{
	size_t len = strlen(name);
	long long kib;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			return sscanf(line + len + 1, "%lld", &kib) == 1 && kib >= 0 ? kib
										     : -1;
	}
	return -1;
}

/* ---- /proc ---- */

static char *read_proc(const struct vm *vm, const char *file)
{
	CLEANUP_FREE char *path = xasprintf("/proc/%d/%s", (int)vm->qemu.pid, file);
	char *text;
	size_t len;

	if (io_read_file(AT_FDCWD, path, PROC_MAX, &text, &len, NULL) < 0)
		return xstrdup("");
	return text;
}

static int64_t proc_kib(const struct vm *vm, const char *file, const char *name)
{
	CLEANUP_FREE char *text = read_proc(vm, file);

	return measure_parse_kib(text, name);
}

int64_t vm_memory_bytes(const struct vm *vm)
{
	int64_t kib = proc_kib(vm, "smaps_rollup", "Pss");

	return kib < 0 ? -1 : kib * 1024;
}

static int64_t cpu_us_of(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) < 0)
		return -1;
	return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

struct vm_usage vm_usage(const struct vm *vm)
{
	/* It has ended, and its supervisor said what it took. */
	if (vm->qemu.supervisor <= 0)
		return (struct vm_usage){vm->qemu.peak_memory, vm->qemu.cpu_us};
	int64_t kib = proc_kib(vm, "status", "VmHWM");
	return (struct vm_usage){kib < 0 ? -1 : kib * 1024, cpu_us_of(vm->qemu.pid)};
}

/* The mapping's line ends with the file's name; what is said of it follows. */
static int64_t mapped_bytes(const struct vm *vm, const char *path)
{
	CLEANUP_FREE char *text = read_proc(vm, "smaps");
	CLEANUP_FREE char *end_of_line = xasprintf(" %s\n", path);
	const char *mapping = strstr(text, end_of_line);
	int64_t kib = mapping ? measure_parse_kib(mapping, "Rss") : -1;

	return kib < 0 ? -1 : kib * 1024;
}

/* ---- QMP ---- */

static int64_t ask_blockstats(struct vm *vm)
{
	struct error ignored;
	json_t *stats;

	if (loop_execute(vm, "query-blockstats", NULL, -1, monotonic_ms() + ANSWER_MS,
		    &stats, &ignored) < 0)
		return -1;
	int64_t bytes = measure_root_bytes(stats);
	json_decref(stats);
	return bytes;
}

void measure_boot(struct vm *vm, const struct vm_config *config)
{
	struct timeline *t = vm->timeline;

	t->pss_kib = proc_kib(vm, "smaps_rollup", "Pss");
	t->root_bytes = root_bus_find(config->route->root_bus)->in_memory
		? mapped_bytes(vm, config->root)
		: ask_blockstats(vm);
}

void measure_end(struct vm *vm)
{
	vm->timeline->peak_kib = proc_kib(vm, "status", "VmHWM");
}
