/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first process in the VM: brings the machine up (boot.c), then is the agent
 * (agent.c) until the host says stop. It never returns, since the kernel would panic:
 * whatever ends it, the end is a reboot, which under qemu's -no-reboot ends the VM.
 */
#include <stdio.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "guest/agent.h"
#include "guest/boot.h"
#include "guest/log.h"
#include "guest/own-init.h"
#include "guest/resume.h"
#include "guest/shutdown.h"
#include "guest/timeline.h"
#include "guest/uevent.h"
#include "protocol/protocol.h"

enum {
	PORT_TIMEOUT_MS = 20000,
	/* When something is wrong already, waiting long for the port makes it worse. */
	PORT_TIMEOUT_FATAL_MS = 3000,
	/* The host ends the VM once it has heard; these are for one that does not. */
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
		agent_say_fatal(port, err->msg);
	end_machine(END_AFTER_FATAL_S);
}

static void bring_up(struct boot *b, int *ret_port)
{
	struct error err;

	if (boot_run(b, &err) < 0) {
		int port = -1;

		if (b->uevents >= 0)
			port = port_open(b->uevents,
				uevent_now_ms() + PORT_TIMEOUT_FATAL_MS, NULL);
		if (port >= 0)
			agent_say_hello(port);
		end_with_error(port, &err);
	}
	*ret_port = port_open(b->uevents, uevent_now_ms() + PORT_TIMEOUT_MS, &err);
	if (*ret_port < 0)
		end_with_error(-1, &err);
	close(b->uevents);
	shutdown_note_mounts();
	timeline_note(BOOT_EVENT_STEP, "agent", b->times.root_mounted);
}

int main(void)
{
	struct boot boot = {.uevents = -1};
	struct machine machine = {
		.sys = "/sys",
		.set_clock = resume_set_clock,
		.stand_by = resume_stand_by,
		.resume = resume,
		.end_processes = shutdown_end_processes,
		.write_out = shutdown_write_out,
	};
	struct error err;
	int port;

	if (getpid() != 1) {
		fputs("This is the first process of a hypermin VM; it does nothing "
		      "elsewhere.\n",
			stderr);
		return 1;
	}
	if (own_init_wanted()) {
		/* The kernel panics when we end, as launchers expect of a boot that
		 * failed. */
		own_init_boot(&err);
		klog_error("%s", err.msg);
		return 1;
	}
	bring_up(&boot, &port);
	machine.hidden_disk = boot.disk_dev;

	const uint64_t times[READY_TIMES] = {
		boot.times.init_started,
		boot.times.modules_loaded,
		boot.times.root_found,
		boot.times.root_mounted,
		boot_now_us(),
	};

	if (agent_say_hello(port) < 0)
		end_machine(END_AFTER_FATAL_S);
	if (boot.options.timeline)
		timeline_tell(port);
	if (agent_say_ready(port, times) < 0)
		end_machine(END_AFTER_FATAL_S);
	if (agent_serve(port, &machine, &err) < 0) {
		shutdown_end_processes();
		shutdown_write_out();
		end_with_error(port, &err);
	}
	end_machine(END_AFTER_STOP_S);
}
