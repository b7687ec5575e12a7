/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A table, and what tells which row of it something belongs to. */
#include "base/architecture.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/io.h"
#include "base/mem.h"

static const struct architecture architectures[] = {
	{"x86_64", "amd64", EM_X86_64},
	{"aarch64", "arm64", EM_AARCH64},
};

const struct architecture *architecture_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(architectures); i++)
		if (strcmp(architectures[i].name, name) == 0 ||
			strcmp(architectures[i].debian, name) == 0)
			return &architectures[i];
	return NULL;
}

const struct architecture *architecture_of_elf(const uint8_t *data, size_t len)
{
	Elf64_Ehdr elf;

	if (len < sizeof(elf))
		return NULL;
	memcpy(&elf, data, sizeof(elf));
	if (memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 ||
		elf.e_ident[EI_CLASS] != ELFCLASS64 ||
		elf.e_ident[EI_DATA] != ELFDATA2LSB)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(architectures); i++)
		if (architectures[i].elf == elf.e_machine)
			return &architectures[i];
	return NULL;
}

const struct architecture *architecture_of_host(struct error *err)
{
	struct utsname host;

	uname(&host);
	const struct architecture *a = architecture_find(host.machine);
	return a ? a
		 : error_null(err, 0,
			   "hypermin does not know this machine's architecture, %s",
			   host.machine);
}

static const struct architecture *of_program(const char *path)
{
	uint8_t head[sizeof(Elf64_Ehdr)];
	CLEANUP_CLOSE int fd =
		open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : io_pread_full(fd, head, sizeof(head), 0);

	return len < 0 ? NULL : architecture_of_elf(head, len);
}

/* One that is no symlink on any distribution, so that none has to be resolved in
 * there. */
static const char *const shells[] = {"usr/bin/bash", "bin/bash", "usr/bin/dash",
	"bin/dash", "usr/bin/busybox", "bin/busybox"};

const struct architecture *architecture_of_root(const char *root, struct error *err)
{
	if (strcmp(root, "/") == 0)
		return architecture_of_host(err);
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		CLEANUP_FREE char *path = xasprintf("%s/%s", root, shells[i]);
		const struct architecture *a = of_program(path);
		if (a)
			return a;
	}
	return error_null(err, 0,
		"find out for what processor the system in '%s' is: it has no bash, dash or "
		"busybox for x86_64 or aarch64",
		root);
}

bool architecture_is_host(const struct architecture *a)
{
	struct utsname host;

	uname(&host);
	return strcmp(a->name, host.machine) == 0;
}
