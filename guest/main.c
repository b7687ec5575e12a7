/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first process in the VM: it boots (boot.c), then it is the agent (agent.c) until the
 * host says stop. If it returned, the kernel would panic. So it always ends with a reboot,
 * which ends a VM that qemu runs with -no-reboot.
 */
#include <stdio.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "guest/agent.h"
#include "guest/attach.h"
#include "guest/boot.h"
#include "guest/clock.h"
#include "guest/console-shell.h"
#include "guest/log.h"
#include "guest/oom.h"
#include "guest/own-init.h"
#include "guest/port.h"
#include "guest/resume.h"
#include "guest/share.h"
#include "guest/shutdown.h"
#include "guest/timeline.h"
#include "guest/timezone.h"
#include "protocol/protocol.h"

enum {
	PORT_TIMEOUT_MS = 20000,
	/* When the boot has failed already, a long wait for the port makes it worse. */
	PORT_TIMEOUT_FATAL_MS = 3000,
	/* The host ends the VM when it has heard. These are for a host that does not. */
	END_AFTER_STOP_S = 1,
	END_AFTER_FATAL_S = 5,
};

static _Noreturn void end_machine(unsigned after_s)
{
	sleep(after_s);
	sync();
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static _Noreturn void end_with_error(int port, const struct error *err)
{
	klog_error("%s", err->msg);
	if (port >= 0)
		port_say_fatal(port, err->msg);
	end_machine(END_AFTER_FATAL_S);
}

static void bring_up(struct boot *b, struct own_mounts *own, int *ret_port)
{
	struct error err;

	if (boot_run(b, &err) < 0) {
		int port = -1;

		if (b->uevents >= 0)
			port = port_open(b->uevents, AGENT_PORT_NAME,
				clock_now_ms() + PORT_TIMEOUT_FATAL_MS, NULL);
		if (port >= 0)
			port_say_hello(port);
		end_with_error(port, &err);
	}
	if (b->options.shell) {
		shutdown_note_mounts(own);
		console_shell_run();
		shutdown_end_processes();
		shutdown_write_out(own);
		end_machine(0);
	}
	*ret_port = port_open(
		b->uevents, AGENT_PORT_NAME, clock_now_ms() + PORT_TIMEOUT_MS, &err);
	if (*ret_port < 0)
		end_with_error(-1, &err);
	close(b->uevents);
	shutdown_note_mounts(own);
	timeline_note(BOOT_EVENT_STEP, "agent", b->times.root_mounted);
}

/* What lives as long as the agent. */
struct state {
	struct own_mounts own_mounts;
	struct resume_state resume;
	struct oom oom;
};

static int prepare_snapshot(
	unsigned disk_slots, bool in_use, void *data, struct error *err)
{
	struct resume_state *state = &((struct state *)data)->resume;

	state->renew_boot_id = in_use;
	if (!in_use && share_prepare(err) < 0)
		klog_debug("%s", err->msg);
	return resume_prepare(state, disk_slots, err);
}

static int resume(const struct resume_request *r, void *data, struct error *err)
{
	timezone_set(r->timezone);
	return resume_finish(&((struct state *)data)->resume, r, err);
}

static bool out_of_memory(char ret_name[static PROCESS_NAME_MAX + 1], void *data)
{
	return oom_check(&((struct state *)data)->oom, ret_name);
}

static void write_out(void *data)
{
	shutdown_write_out(&((struct state *)data)->own_mounts);
}

int main(void)
{
	struct boot boot = {.uevents = -1};
	struct state state = {.resume = RESUME_STATE_INIT};
	struct error err;
	int port;

	if (getpid() != 1) {
		fputs("This is the first process of a hypermin VM; it does nothing "
		      "elsewhere.\n",
			stderr);
		return 1;
	}
	if (own_init_wanted()) {
		/* The kernel then panics, as launchers expect when a boot fails. */
		own_init_boot(&err);
		klog_error("%s", err.msg);
		return 1;
	}
	bring_up(&boot, &state.own_mounts, &port);

	const uint64_t times[READY_TIMES] = {
		boot.times.init_started,
		boot.times.modules_loaded,
		boot.times.root_found,
		boot.times.root_mounted,
		clock_now_us(),
	};

	if (port_say_hello(port) < 0)
		end_machine(END_AFTER_FATAL_S);
	if (boot.options.timeline)
		timeline_tell(port);
	if (port_say_ready(port, times) < 0)
		end_machine(END_AFTER_FATAL_S);
	const struct agent_machine machine = {
		.sys = "/sys",
		.hidden_disk = boot.disk_dev,
		.set_clock = clock_set_realtime,
		.prepare_snapshot = prepare_snapshot,
		.resume = resume,
		.attach = attach,
		.out_of_memory = out_of_memory,
		.end_processes = shutdown_end_processes,
		.write_out = write_out,
		.data = &state,
	};

	if (agent_serve(port, &machine, &err) < 0) {
		shutdown_end_processes();
		shutdown_write_out(&state.own_mounts);
		end_with_error(port, &err);
	}
	end_machine(END_AFTER_STOP_S);
}
