/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "confine/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/confine.h"

/* ---- Limits ---- */

/* The hard limit, too: then only root can raise it again. */
static int limit(int resource, rlim_t most)
{
	struct rlimit limits;

	if (getrlimit(resource, &limits) < 0)
		return errno;
	limits.rlim_max = MIN(limits.rlim_max, most);
	limits.rlim_cur = MIN(limits.rlim_cur, limits.rlim_max);
	return setrlimit(resource, &limits) < 0 ? errno : 0;
}

/* With a limit of 0 the kernel writes no file, but it still passes the memory on where
 * core_pattern names a program (systemd-coredump, apport). With 1 it does neither: it has that
 * number for the crash of such a program itself. */
int confine_refuse_core_dumps(void)
{
	struct rlimit limits;

	if (getrlimit(RLIMIT_CORE, &limits) < 0)
		return errno;
	limits.rlim_cur = limits.rlim_max = MIN(limits.rlim_max, 1);
	return setrlimit(RLIMIT_CORE, &limits) < 0 ? errno : 0;
}

/*
 * Not limited are processes, since the kernel counts all of the user's, and qemu's memory: the
 * guest's size limits what it takes, but nobody knows what it reserves. RLIMIT_DATA counts
 * what can be written to, RLIMIT_AS also what threads only reserve.
 */
int layer_set_limits(const struct confine_needs *needs)
{
	int num = confine_refuse_core_dumps();

	if (num == 0 && !needs->writes)
		num = limit(RLIMIT_FSIZE, 0);
	if (num == 0 && needs->max_descriptors)
		num = limit(RLIMIT_NOFILE, needs->max_descriptors);
	if (num == 0 && needs->max_memory)
		num = limit(RLIMIT_DATA, needs->max_memory);
	if (num == 0 && needs->max_seconds)
		num = limit(RLIMIT_CPU, needs->max_seconds);
	return num;
}

/* ---- Privileges ---- */

int layer_refuse_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? errno : 0;
}

/* ---- Capabilities ---- */

/* Root opens the files of all users by these. */
#define OPENS_ALL (UINT64_C(1) << CAP_DAC_OVERRIDE | UINT64_C(1) << CAP_DAC_READ_SEARCH)

struct capabilities {
	uint64_t effective, permitted, inheritable;
};

/* The C library has no function for these calls. */
static int get_capabilities(struct capabilities *ret)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return -1;
	ret->effective = (uint64_t)data[1].effective << 32 | data[0].effective;
	ret->permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
	ret->inheritable = (uint64_t)data[1].inheritable << 32 | data[0].inheritable;
	return 0;
}

static int set_capabilities(const struct capabilities *c)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){c->effective >> 32 * i,
			c->permitted >> 32 * i, c->inheritable >> 32 * i};
	return syscall(SYS_capset, &header, data);
}

/* The first of the files that can't be opened as things are; -1: none. Before Linux 5.8 it
 * can't be asked. */
static int find_foreign_file(const struct confine_needs *needs)
{
#ifdef SYS_faccessat2
	for (size_t i = 0; i < needs->files.len; i++) {
		const struct confine_file *file = &needs->files.items[i];
		bool is_written = file->access >= CONFINE_WRITE;
		bool is_open = file->fd >= 0;
		if (file->needed &&
			syscall(SYS_faccessat2, is_open ? file->fd : AT_FDCWD,
				is_open ? "" : file->path,
				is_written ? R_OK | W_OK : R_OK,
				AT_EACCESS | (is_open ? AT_EMPTY_PATH : 0)) < 0 &&
			(errno == EACCES || errno == EPERM || errno == ENOSYS))
			return i;
	}
	return -1;
#else
	return needs->files.len ? 0 : -1;
#endif
}

int layer_drop_capabilities(const struct confine_needs *needs, int *ret_foreign)
{
	struct capabilities c;
	uint64_t keep;

	if (get_capabilities(&c) < 0)
		return errno;
	keep = c.permitted & needs->capabilities;
	/* An ordinary user opens what the user may. */
	if (c.permitted & OPENS_ALL) {
		c.effective = 0;
		if (set_capabilities(&c) < 0)
			return errno;
		*ret_foreign = find_foreign_file(needs);
		if (*ret_foreign >= 0)
			keep |= c.permitted & OPENS_ALL;
		/* For the bounding set. */
		c.effective = c.permitted;
		if (set_capabilities(&c) < 0)
			return errno;
	}
	/* A second barrier, which takes a capability itself: without new privileges an exec
	 * gives none back. */
	for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (!(keep >> i & 1))
			prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	c = (struct capabilities){keep, keep, keep};
	if (set_capabilities(&c) < 0)
		return errno;
	/* A user who is not root keeps them over an exec only so. */
	for (int i = 0; i < 64; i++)
		if (keep >> i & 1)
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0);
	return 0;
}
