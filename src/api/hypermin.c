/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public handle: settings, then an appliance, then a VM. hypermin.h is the
 * documentation; here settings are checked and handed on.
 */
#include "hypermin.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/handle.h"
#include "base/control.h"
#include "base/io.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "config.h"
#include "vm/disk.h"
#include "vm/network.h"
#include "vm/share.h"

static_assert((int)HYPERMIN_LOG_WARNING == LOG_LEVEL_WARNING &&
		(int)HYPERMIN_LOG_NOTICE == LOG_LEVEL_NOTICE &&
		(int)HYPERMIN_LOG_INFO == LOG_LEVEL_INFO &&
		(int)HYPERMIN_LOG_DEBUG == LOG_LEVEL_DEBUG,
	"the log's levels are the public ones");

_Static_assert(
	HYPERMIN_WARM_DISKS == VM_MAX_RESERVED_SLOTS, "the limit is the public one");

const char *hypermin_version(void)
{
	return HYPERMIN_VERSION;
}

static struct {
	hypermin_log_fn *fn;
	void *data;
} public_log;

static void pass_log(enum log_level level, const char *line, void *data)
{
	(void)data;
	public_log.fn((enum hypermin_log_level)level, line, public_log.data);
}

void hypermin_set_log(hypermin_log_fn *fn, void *data, enum hypermin_log_level max)
{
	public_log.fn = fn;
	public_log.data = data;
	log_set_handler(fn ? pass_log : NULL, NULL, (enum log_level)max);
}

/* For test suites, and for users who want no process in the background. */
static bool wants_cold(void)
{
	const char *value = getenv("HYPERMIN_COLD");

	return value && *value && strcmp(value, "0") != 0;
}

/* Or the next files opened would take their numbers, and what is written to standard
 * output would go there. */
static void fill_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

struct hypermin *hypermin_new(void)
{
	struct hypermin *h = xcalloc(1, sizeof(*h));

	fill_standard_streams();
	h->root = xstrdup("/");
	h->cpus = DEFAULT_CPUS;
	h->boot_timeout_ms = 120000;
	h->silence_timeout_ms = 60000;
	h->accel = VM_ACCEL_AUTO;
	h->cold = wants_cold();
	h->cache.fd = -1;
	h->private_cache.fd = -1;
	h->appliance.lock_fd = -1;
	h->control[0] = h->control[1] = -1;
	h->timeline_fd = -1;
	h->owner_fd = -1;
	handle_init_jobs(h);
	/* hypermin_prepare() returns the error: this function can't. */
	control_open(h->control, &h->control_error);
	return h;
}

void hypermin_free(struct hypermin *h)
{
	if (!h)
		return;
	handle_done_jobs(h);
	vm_free(h->vm);
	handle_leave_ready(h);
	memory_claim_release(&h->memory_claim);
	if (h->wants_snapshot)
		handle_warm_later(h);
	handle_close_state(h);
	appliance_done(&h->appliance);
	cache_close(&h->private_cache);
	cache_close(&h->cache);
	strvec_done(&h->packages);
	strvec_done(&h->append);
	strvec_done(&h->qemu_args);
	vector_foreach (disk, &h->disks)
		vm_disk_done(disk);
	vector_done(&h->disks);
	if (h->host)
		vm_share_done(h->host);
	free(h->host);
	vector_foreach (share, &h->shares)
		vm_share_done(share);
	vector_done(&h->shares);
	vm_network_done(&h->network);
	free(h->share_program);
	free(h->serve_program);
	free(h->reach_program);
	free(h->root);
	free(h->kernel);
	free(h->image);
	free(h->modules_dir);
	free(h->cache_dir);
	free(h->fixed);
	free(h->hold);
	free(h->from);
	free(h->machine);
	free(h->root_bus);
	vm_routes_done(&h->routes);
	handle_drop_timeline(h);
	for (int i = 0; i < 2; i++)
		if (h->control[i] >= 0)
			close(h->control[i]);
	free(h);
}

/* ---- The VM ---- */

void hypermin_interrupt(struct hypermin *h, int signal)
{
	control_send(h->control[1], CONTROL_INTERRUPT, signal);
}

void hypermin_window_changed(struct hypermin *h)
{
	control_send(h->control[1], CONTROL_WINDOW, 0);
}

int hypermin_block_devices(
	struct hypermin *h, struct hypermin_block_device **ret, size_t *ret_len)
{
	struct agent_block_device *devices;
	size_t n;

	if (handle_check_started(h) < 0)
		return -1;
	vm_set_control(h->vm, h->control[0]);
	int result = vm_block_devices(h->vm, &devices, &n, &h->error);
	vm_set_control(h->vm, -1);
	if (result < 0)
		return -1;
	struct hypermin_block_device *list = xcalloc(n, sizeof(*list));
	for (size_t i = 0; i < n; i++) {
		snprintf(list[i].name, sizeof(list[i].name), "%s", devices[i].name);
		list[i].size = devices[i].size;
		list[i].read_only = devices[i].read_only;
	}
	free(devices);
	*ret = list;
	*ret_len = n;
	return 0;
}

char *hypermin_console_tail(struct hypermin *h, unsigned lines)
{
	if (h->vm)
		return vm_console_tail(h->vm, lines);
	handle_check_started(h);
	return NULL;
}

/* As vm_stop() has it; -1: there is no limit. */
static int stop_limit_ms(const struct hypermin *h)
{
	if (!h->time_over_ms)
		return -1;
	return MAX(0, h->time_over_ms - monotonic_ms()) +
		h->silence_timeout_ms * VM_STOP_PATIENCE;
}

/* Of a VM that has waited. Its keeper ends it, and nobody waits for that, unless it has
 * disks or writable directories: those are free when this returns. */
static int stop_taken(struct hypermin *h, bool at_once)
{
	int result = handle_is_awaited(h)
		? session_stop_taken(h, at_once, stop_limit_ms(h))
		: 0;

	handle_leave_ready(h);
	h->stopped = true;
	return result;
}

int hypermin_stop(struct hypermin *h)
{
	if (h->owner_fd >= 0)
		return stop_taken(h, !handle_is_writable(h));
	if (h->session)
		return session_stop(h, false);
	if (handle_check_started(h) < 0)
		return -1;
	/* It has ended by itself. */
	if (h->appliance.own_init && vm_is_over(h->vm)) {
		h->stopped = true;
		return 0;
	}
	vm_set_control(h->vm, h->control[0]);
	if (handle_is_writable(h) && vm_stop(h->vm, h->time_over_ms, &h->error) < 0)
		return -1;
	/* Nothing that the guest still holds in memory outlives it. Its end is awaited by
	 * hypermin_free(), when a program may have given up its signal handlers. */
	vm_kill(h->vm);
	h->stopped = true;
	return 0;
}

int hypermin_kill(struct hypermin *h)
{
	if (h->owner_fd >= 0)
		return stop_taken(h, true);
	if (h->session)
		return session_stop(h, true);
	if (handle_check_started(h) < 0)
		return -1;
	vm_kill(h->vm);
	h->stopped = true;
	return 0;
}
