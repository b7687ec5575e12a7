/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way a launch goes. Nothing here may keep the real qemu from being started. */
#include "launch/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/outlive.h"
#include "confine/confine.h"
#include "launch/follow.h"
#include "launch/plan.h"
#include "launch/take.h"

static int become(char *const *argv, struct error *err)
{
	/* Nothing else is taken from qemu: libguestfs chooses what it gets. */
	int num = confine_refuse_core_dumps();
	if (num)
		log_info("qemu may dump core: %s", strerror(num));
	execv(argv[0], argv);
	return error_set(err, errno, "run '%s'", argv[0]);
}

static int become_real_qemu(char **argv, struct error *err)
{
	char *qemu = plan_find_qemu(err);

	if (!qemu)
		return -1;
	argv[0] = qemu;
	return become(argv, err);
}

/* With this very program, and the same command line. */
static void take_later(int argc, char **argv)
{
	CLEANUP_STRVEC struct strvec words = {0};
	struct error err;
	char self[4096];

	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len < 0)
		return;
	self[len] = '\0';
	strvec_add(&words, self);
	strvec_add(&words, LAUNCH_TAKE);
	for (int i = 1; i < argc; i++)
		strvec_add(&words, argv[i]);
	if (outlive_start(strvec_argv(&words), &err) < 0)
		log_info("no snapshot will be taken: %-s", err.msg);
	else
		log_info(
			"a snapshot for the next launch is being taken in the background");
}

static void inherit(int fd)
{
	fcntl(fd, F_SETFD, 0);
}

/* Become a qemu that resumes from a snapshot. Returns only if it could not: 1 if there is
 * no snapshot, -1 if a step failed. */
static int resume(struct plan *plan, struct error *err)
{
	int agent[2], qmp[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, agent) < 0 ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, qmp) < 0)
		return error_set(err, errno, "create channels to qemu");
	struct vm_line line;
	struct vm_config config = plan_config(plan, PLAN_RESUMED);
	if (vm_line_make(&config, agent[1], qmp[1], &line, err) < 0)
		return -1;
	if (line.snapshot.ram_fd < 0) {
		vm_line_done(&line);
		return 1;
	}
	const struct follow follow = {
		.agent_fd = agent[0],
		.qmp_fd = qmp[0],
		.state_fd = line.snapshot.state_fd,
		.plan = plan,
		.identity = line.identity,
	};
	log_info("resuming from a snapshot");
	if (follow_start(&follow, err) < 0)
		return -1;
	inherit(agent[1]);
	inherit(qmp[1]);
	inherit(line.snapshot.ram_fd);
	inherit(line.snapshot.state_fd);
	return become(strvec_argv(&line.argv), err);
}

static int boot(struct plan *plan, struct error *err)
{
	struct vm_config config = plan_config(plan, PLAN_BOOTED);
	struct vm_line line;

	if (vm_line_make(&config, -1, -1, &line, err) < 0)
		return -1;
	return become(strvec_argv(&line.argv), err);
}

/* Become the qemu of a launch whose command line is understood. Returns only if that
 * failed, -1: then the real qemu has to do it. */
static int launch_planned(struct plan *plan, int argc, char **argv, struct error *err)
{
	int result = 1;

	if (plan->line.boots_because)
		log_info("no snapshot for this launch: %s", plan->line.boots_because);
	else
		result = resume(plan, err);
	if (plan->refused)
		return error_set(err, 0,
			"a snapshot of this appliance was tried not long ago, and failed");
	if (result == 1 && !plan->line.boots_because && plan->cache.fd >= 0)
		take_later(argc, argv);
	return result == 1 ? boot(plan, err) : -1;
}

int launch(int argc, char **argv, struct error *err)
{
	struct plan plan;
	struct error why;

	if (argc > 1 && strcmp(argv[1], LAUNCH_TAKE) == 0)
		return take(argc - 1, argv + 1, err);
	if (launch_line_is_launch(argc, argv)) {
		if (plan_make(argc, argv, &plan, &why) == 0) {
			launch_planned(&plan, argc, argv, &why);
			plan_done(&plan);
		}
		log_info("passing this launch on to the real qemu: %-s", why.msg);
	}
	return become_real_qemu(argv, err);
}
