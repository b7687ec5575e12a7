/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What programs need, put together from what they have in common. */
#include <fcntl.h>
#include <string.h>

#include "base/strbuf.h"
#include "confine/confine.h"

/* Programs, libraries, firmware, and what their libraries read. */
static const char *const system_files[] = {"/usr", "/lib", "/lib32", "/lib64", "/libx32",
	"/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/gnutls", "/etc/crypto-policies",
	"/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf", "/etc/localtime",
	"/dev/random", "/dev/urandom", "/proc/self", "/proc/cpuinfo", "/proc/meminfo",
	"/proc/sys/vm", "/sys/devices/system", "/sys/kernel/mm"};
/* Distributions where a program may be a small one that executes the real one. */
static const char *const stores[] = {"/nix/store", "/gnu/store"};

void confine_need_file(
	struct confine_needs *needs, const char *path, enum confine_access access)
{
	if (path)
		vector_push(&needs->files, (struct confine_file){path, -1, access, true});
}

void confine_may_need_files(struct confine_needs *needs, const char *const *paths,
	size_t n, enum confine_access access)
{
	for (size_t i = 0; i < n; i++)
		vector_push(&needs->files,
			(struct confine_file){paths[i], -1, access, false});
}

void confine_need_fd(struct confine_needs *needs, int fd, enum confine_access access)
{
	vector_push(&needs->files, (struct confine_file){NULL, fd, access, false});
}

void confine_may_need_own(
	struct confine_needs *needs, char *path, enum confine_access access)
{
	strvec_add(&needs->owned, path);
	free(path);
	vector_push(&needs->files,
		(struct confine_file){
			needs->owned.items[needs->owned.len - 1], -1, access, false});
}

void confine_need_system(struct confine_needs *needs)
{
	confine_may_need_files(
		needs, system_files, ARRAY_SIZE(system_files), CONFINE_READ);
	confine_may_need_files(needs, stores, ARRAY_SIZE(stores), CONFINE_EXECUTE);
}
