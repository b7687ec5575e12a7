/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The companion speaks the agent's protocol, but runs no commands: its host says
 * "resume" and then "stop". Only the snapshot's maker waits for it to find the appliance
 * at its hold point, so it looks again and again.
 */
#include "guest/companion.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "guest/agent.h"
#include "guest/attach.h"
#include "guest/clock.h"
#include "guest/file.h"
#include "guest/log.h"
#include "guest/port.h"
#include "guest/relay.h"
#include "guest/resume.h"
#include "guest/scans.h"
#include "guest/scsi-disks.h"
#include "guest/udev.h"
#include "guest/uevent.h"
#include "protocol/boot.h"
#include "protocol/protocol.h"

enum {
	LOOK_EVERY_US = 20000,
	/* So often in a row it has to be found asleep without having run. */
	LOOKS = 10,
	/* The host loses patience first. */
	HOLD_TIMEOUT_MS = 600 * 1000,
	ENVIRONMENT_MAX = 64 * 1024,
};

/* ---- Who waits ---- */

static bool has_open(int proc, const char *pid, dev_t device)
{
	char path[300];
	struct stat st;
	bool found = false;

	snprintf(path, sizeof(path), "%s/fd", pid);
	int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (dir && !found && (entry = readdir(dir)))
		found = fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 &&
			S_ISCHR(st.st_mode) && st.st_rdev == device;
	if (dir)
		closedir(dir);
	return found;
}

/* The process that has the device open; 0: none. */
static pid_t find_opener(dev_t device)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	while (proc && !found && (entry = readdir(proc)))
		if (atoi(entry->d_name) > 0 && atoi(entry->d_name) != getpid() &&
			has_open(dirfd(proc), entry->d_name, device))
			found = atoi(entry->d_name);
	if (proc)
		closedir(proc);
	return found;
}

/* How often the process has gone to sleep; -1: it runs. */
static long count_sleeps(pid_t pid)
{
	char path[40], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read(AT_FDCWD, path, text, sizeof(text)) < 0)
		return -1;
	const char *state = strstr(text, "\nState:\t");
	const char *switches = strstr(text, "\nvoluntary_ctxt_switches:\t");
	if (!state || state[8] != 'S' || !switches)
		return -1;
	return atol(switches + strlen("\nvoluntary_ctxt_switches:\t"));
}

static int wait_for_hold(const char *port, pid_t *ret_pid, struct error *err)
{
	int64_t deadline = clock_now_ms() + HOLD_TIMEOUT_MS;
	long sleeps = -1;
	char path[300];
	struct stat st;

	for (int looks = 0; looks < LOOKS; usleep(LOOK_EVERY_US)) {
		if (clock_now_ms() > deadline)
			return error_set(err, ETIMEDOUT,
				"nothing in the appliance waits at the port '%s'", port);
		/* The node comes before udev has run, the names in /sys as well. */
		pid_t pid = port_find(port, path, sizeof(path)) && stat(path, &st) == 0
			? find_opener(st.st_rdev)
			: 0;
		long now = pid ? count_sleeps(pid) : -1;
		looks = now >= 0 && now == sleeps ? looks + 1 : 0;
		sleeps = now;
		*ret_pid = pid;
	}
	return 0;
}

/* ---- Resuming ---- */

/* Part of the snapshot. */
struct companion {
	struct resume_state resume;
	/* What /init had exported when it came to its hold point: the scans run with it. */
	char environment[ENVIRONMENT_MAX];
	long environment_len;
};

static void read_environment(struct companion *c, pid_t pid)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	c->environment_len =
		file_read(AT_FDCWD, path, c->environment, sizeof(c->environment));
}

/*
 * A launcher's disks are SCSI disks, at least one of them: the snapshot's maker has attached
 * a placeholder where the first one will be. Seeing it change once brings what udevd then
 * runs into memory.
 */
static int practise_change(struct error *err)
{
	if (scsi_disks_find(0, 1, err) < 0)
		return -1;
	udev_settle();
	udev_expect_all_again();
	if (scsi_disks_change_first(err) < 0)
		return -1;
	udev_settle();
	udev_expect_all_again();
	return 0;
}

static int prepare_snapshot(unsigned slots, bool in_use, void *data, struct error *err)
{
	struct companion *c = data;

	(void)in_use;
	if (scsi_disks_can_be() && practise_change(err) < 0)
		return -1;
	/* Something in the appliance has asked for it already. */
	c->resume.renew_boot_id = true;
	return resume_prepare(&c->resume, slots, err);
}

static int find_scsi_disks(unsigned n, struct error *err)
{
	return scsi_disks_change_first(err) < 0 ? -1 : scsi_disks_find(1, n, err);
}

static int resume_appliance(const struct resume_request *r, void *data, struct error *err)
{
	struct companion *c = data;
	struct resume_request request = *r;
	bool scsi = scsi_disks_can_be();

	if (scsi)
		request.disks = 0;
	if (resume_finish(&c->resume, &request, err) < 0 ||
		(scsi && find_scsi_disks(r->disks, err) < 0))
		return -1;
	udev_settle();
	scans_run(c->environment, MAX(c->environment_len, 0));
	return 0;
}

static bool never_out_of_memory(char ret_name[static PROCESS_NAME_MAX + 1], void *data)
{
	(void)ret_name;
	(void)data;
	return false;
}

static void end_nothing(void)
{
}

static void write_nothing(void *data)
{
	(void)data;
}

static int serve(const char *hold, struct error *err)
{
	const uint64_t times[READY_TIMES] = {0};
	static struct companion companion = {.resume = RESUME_STATE_INIT};
	const struct agent_machine machine = {
		.sys = "/sys",
		.set_clock = clock_set_realtime,
		.prepare_snapshot = prepare_snapshot,
		.resume = resume_appliance,
		.attach = attach,
		.out_of_memory = never_out_of_memory,
		.end_processes = end_nothing,
		.write_out = write_nothing,
		.data = &companion,
	};
	int uevents = uevent_open(err);
	pid_t pid = 0;

	if (uevents < 0)
		return -1;
	if (wait_for_hold(hold, &pid, err) < 0)
		return -1;
	read_environment(&companion, pid);
	int port = port_open(uevents, AGENT_PORT_NAME, clock_now_ms(), err);
	close(uevents);
	if (port < 0)
		return -1;
	if (port_say_hello(port) < 0 || port_say_ready(port, times) < 0)
		return error_set(err, errno, "write to the port");
	if (agent_serve(port, &machine, err) < 0)
		return -1;
	close(port);
	/* Its threads are this process's. */
	relay_wait();
	return 0;
}

int companion_start(const char *port, struct error *err)
{
	pid_t pid = fork();

	if (pid < 0)
		return error_set(err, errno, "start the companion");
	if (pid > 0)
		return 0;
	struct error own;
	if (serve(port, &own) < 0)
		klog_error("the appliance can't be held: %s", own.msg);
	_exit(0);
}
