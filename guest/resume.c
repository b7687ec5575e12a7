/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After a snapshot: many machines go on from the same moment, and none of them knows what
 * became of the world since. Before anything else happens in this one it gets what it
 * must not share: random numbers of its own (from which the kernel also makes its boot
 * id, at the first question for it), the time, an identity, and the disks that its user
 * gave it.
 */
#include "guest/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guest/disk-slots.h"
#include "guest/log.h"
#include "protocol/protocol.h"

void resume_set_clock(uint64_t realtime_ns)
{
	const struct timespec t = {
		.tv_sec = realtime_ns / 1000000000,
		.tv_nsec = realtime_ns % 1000000000,
	};

	if (clock_settime(CLOCK_REALTIME, &t) < 0)
		klog_error("set the clock: %s", strerror(errno));
}

/* What is opened while there is time. */
static int random_fd = -1, machine_id_fd = -1;

/* An appliance that brings no machine id has none afterwards, as after a boot. */
static bool has_machine_id(void)
{
	struct stat st;

	return stat("/etc/machine-id", &st) == 0 && st.st_size >= 32;
}

int resume_stand_by(uint32_t reserved_slots, struct error *err)
{
	random_fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
	if (has_machine_id())
		machine_id_fd = open("/etc/machine-id", O_WRONLY | O_CLOEXEC);
	return disk_slots_release(reserved_slots, err);
}

/* Add to the pool, and have the generator use it now and not at its next turn. */
static int reseed(const uint8_t *seed, struct error *err)
{
	struct {
		struct rand_pool_info info;
		uint8_t bytes[RESUME_SEED_SIZE];
	} pool = {.info = {.entropy_count = RESUME_SEED_SIZE * 8,
			  .buf_size = RESUME_SEED_SIZE}};

	memcpy(pool.info.buf, seed, RESUME_SEED_SIZE);
	if (random_fd < 0 || ioctl(random_fd, RNDADDENTROPY, &pool) < 0 ||
		ioctl(random_fd, RNDRESEEDCRNG) < 0)
		return error_set(err, errno, "reseed the random number generator");
	return 0;
}

static void renew_machine_id(void)
{
	char text[34];
	uint8_t id[16];

	if (machine_id_fd < 0 || getrandom(id, sizeof(id), 0) != sizeof(id))
		return;
	for (int i = 0; i < 16; i++)
		sprintf(text + 2 * i, "%02x", id[i]);
	text[32] = '\n';
	if (ftruncate(machine_id_fd, 0) < 0 || pwrite(machine_id_fd, text, 33, 0) != 33)
		klog_error("write /etc/machine-id: %s", strerror(errno));
}

int resume(const struct resume *r, struct error *err)
{
	if (reseed(r->seed, err) < 0)
		return -1;
	/* Before the disks come, whose nodes have a time. The first command brings it once
	 * more, when everything is awake. */
	resume_set_clock(r->realtime_ns);
	renew_machine_id();
	return r->disks > 0 ? disk_slots_fill(r->disks, err) : 0;
}
