/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Choosing the accelerator, and remembering the choice. The file `accelerator` in the
 * cache directory: the host's boot id, then a line for each qemu and kernel:
 *
 *	QEMU MTIME SIZE <tab> KERNEL <tab> kvm|tcg <tab> REASON
 */
#include "vm/accel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "vm/kvm-probe.h"

#define MEMORY_FILE	"accelerator"
#define MEMORY_FILE_MAX (64 * 1024)

/* This boot of the host, with its newline; "" if it can't be told. */
static char *boot_id(void)
{
	char *id;
	size_t len;

	if (io_read_file(
		    AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &id, &len, NULL) < 0)
		return xstrdup("");
	return id;
}

static char *line_prefix(const struct accel_key *key)
{
	struct stat st = {0};

	if (stat(key->qemu, &st) < 0)
		st.st_size = 0;
	return xasprintf("%s %lld %lld\t%s\t", key->qemu, (long long)st.st_mtime,
		(long long)st.st_size, key->kernel_version);
}

/* What is known, if it is of this boot. Never NULL. */
static char *read_memory(const struct accel_key *key)
{
	CLEANUP_FREE char *boot = boot_id();
	char *text;
	size_t len;

	if (key->cache_fd < 0 || !*boot ||
		io_read_file(key->cache_fd, MEMORY_FILE, MEMORY_FILE_MAX, &text, &len,
			NULL) < 0)
		return xstrdup("");
	if (strncmp(text, boot, strlen(boot)) == 0)
		return text;
	free(text);
	return xstrdup("");
}

static bool recall(const struct accel_key *key, struct accel_choice *ret)
{
	CLEANUP_FREE char *memory = read_memory(key);
	CLEANUP_FREE char *prefix = line_prefix(key);
	char *rest = memory;
	bool found = false;

	/* The last line counts: a fallback is remembered behind the probe's verdict. */
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (strncmp(line, prefix, strlen(prefix)) != 0)
			continue;
		char *verdict = line + strlen(prefix);
		char *reason = strchr(verdict, '\t');
		if (!reason)
			continue;
		free(ret->reason);
		ret->kvm = strncmp(verdict, "kvm", 3) == 0;
		ret->reason = xasprintf("%s (remembered)", reason + 1);
		found = true;
	}
	return found;
}

/* Whether it can be kept makes no difference to the run at hand. */
static void remember(const struct accel_key *key, bool kvm, const char *reason)
{
	CLEANUP_FREE char *memory = read_memory(key);
	CLEANUP_FREE char *prefix = line_prefix(key);
	CLEANUP_FREE char *boot = boot_id();
	CLEANUP_STRBUF struct strbuf sb = {0};
	char name[64];

	if (key->cache_fd < 0 || !*boot || strlen(memory) > MEMORY_FILE_MAX / 2)
		return;
	strbuf_adds(&sb, *memory ? memory : boot);
	strbuf_addf(&sb, "%s%s\t%s\n", prefix, kvm ? "kvm" : "tcg", reason);
	snprintf(name, sizeof(name), MEMORY_FILE ".%d", (int)getpid());
	CLEANUP_CLOSE int fd = openat(
		key->cache_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (io_write_full(fd, sb.data, sb.len) < 0 ||
		renameat(key->cache_fd, name, key->cache_fd, MEMORY_FILE) < 0)
		unlinkat(key->cache_fd, name, 0);
}

static void choose_by_probe(const struct accel_key *key, struct accel_choice *ret)
{
	CLEANUP_CLOSE int kvm = kvm_open(&ret->reason);

	if (kvm < 0 || recall(key, ret))
		return;
	ret->kvm = kvm_probe(kvm, &ret->reason);
	if (ret->kvm)
		ret->reason = xstrdup("the probe ran at full speed");
	remember(key, ret->kvm, ret->reason);
}

void accel_choose(
	enum vm_accel wanted, const struct accel_key *key, struct accel_choice *ret)
{
	*ret = (struct accel_choice){.chosen_by_us = wanted == VM_ACCEL_AUTO};
	if (wanted == VM_ACCEL_AUTO) {
		choose_by_probe(key, ret);
		return;
	}
	ret->kvm = wanted == VM_ACCEL_KVM;
	ret->reason = xstrdup("asked for");
}

void accel_choice_done(struct accel_choice *c)
{
	free(c->reason);
	*c = (struct accel_choice){0};
}

void accel_remember_tcg(const struct accel_key *key, const char *reason)
{
	remember(key, false, reason);
}
