/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Many machines may resume from the same snapshot, and none knows how long it has slept.
 * So before anything else runs, each gets its own random numbers (from which the kernel
 * also makes its boot id, when it is first asked for), the time, a machine id, and its
 * user's disks.
 */
#include "guest/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/clock.h"
#include "guest/disk-links.h"
#include "guest/log.h"

/* An appliance without a machine id stays without, as after a boot. */
static bool has_machine_id(void)
{
	struct stat st;

	return stat("/etc/machine-id", &st) == 0 && st.st_size >= 32;
}

static void close_if_open(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int resume_prepare(struct resume_state *state, unsigned disk_slots, struct error *err)
{
	close_if_open(&state->random_fd);
	close_if_open(&state->machine_id_fd);
	state->random_fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
	if (has_machine_id())
		state->machine_id_fd = open("/etc/machine-id", O_WRONLY | O_CLOEXEC);
	return disk_slots_release(&state->slots, disk_slots, err);
}

/* Add to the pool, and make the generator use it at once. */
static int reseed(int random_fd, const uint8_t *seed, struct error *err)
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

static void renew_machine_id(int machine_id_fd)
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

/* The kernel has made it, and offers no way to make another. */
static void renew_boot_id(void)
{
	static const char source[] = "/dev/.hypermin-boot-id";
	uint8_t id[16];

	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return;
	id[6] = (id[6] & 0x0f) | 0x40;
	id[8] = (id[8] & 0x3f) | 0x80;
	int fd = open(source, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
	for (int i = 0; fd >= 0 && i < 16; i++)
		dprintf(fd, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			id[i]);
	if (fd < 0 || dprintf(fd, "\n") < 0 ||
		mount(source, "/proc/sys/kernel/random/boot_id", NULL, MS_BIND, NULL) < 0)
		klog_error("renew the boot id: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	unlink(source);
}

int resume_finish(const struct resume_state *state, const struct resume_request *r,
	struct error *err)
{
	if (reseed(state->random_fd, r->seed, err) < 0)
		return -1;
	/* Before the disks appear: their nodes get this time. The first command sets the
	 * clock again, when everything has woken up. */
	clock_set_realtime(r->realtime_ns);
	renew_machine_id(state->machine_id_fd);
	if (state->renew_boot_id)
		renew_boot_id();
	if (r->disks > 0 && disk_slots_fill(&state->slots, r->disks, err) < 0)
		return -1;
	if (r->disks > 0)
		disk_links_renew();
	return 0;
}
