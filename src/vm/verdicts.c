/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file `verdicts` in the cache directory: the host's boot id, then lines of
 *
 *	QEMU MTIME SIZE <tab> KERNEL <tab> SUBJECT <tab> VERDICT <tab> REASON
 */
#include "vm/verdicts.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/boot-id.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define MEMORY_FILE	"verdicts"
#define MEMORY_FILE_MAX (64 * 1024)

static char *line_prefix(const struct verdict_key *key, const char *subject)
{
	struct stat st = {0};

	if (stat(key->qemu, &st) < 0)
		st.st_size = 0;
	return xasprintf("%s %lld %lld\t%s\t%s\t", key->qemu, (long long)st.st_mtime,
		(long long)st.st_size, key->kernel_version, subject);
}

/* What is known, if it is of this boot. Never NULL. */
static char *read_memory(const struct verdict_key *key)
{
	CLEANUP_FREE char *boot = boot_id_read();
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

bool verdict_recall(const struct verdict_key *key, const char *subject,
	char ret_verdict[static 16], char **ret_reason)
{
	CLEANUP_FREE char *memory = read_memory(key);
	CLEANUP_FREE char *prefix = line_prefix(key, subject);
	CLEANUP_FREE char *found = NULL;
	char *rest = memory;

	/* The last line counts: a later one knows better. */
	for (char *line; (line = strsep(&rest, "\n"));) {
		char *verdict = line + strlen(prefix);
		if (strncmp(line, prefix, strlen(prefix)) != 0)
			continue;
		size_t len = strcspn(verdict, "\t");
		if (!verdict[len] || len >= 16)
			continue;
		snprintf(ret_verdict, 16, "%.*s", (int)len, verdict);
		free(found);
		found = xstrdup(verdict + len + 1);
	}
	if (!found)
		return false;
	*ret_reason = TAKE_PTR(found);
	return true;
}

void verdict_remember(const struct verdict_key *key, const char *subject,
	const char *verdict, const char *reason)
{
	CLEANUP_FREE char *memory = read_memory(key);
	CLEANUP_FREE char *prefix = line_prefix(key, subject);
	CLEANUP_FREE char *boot = boot_id_read();
	CLEANUP_STRBUF struct strbuf sb = {0};
	char name[64];

	if (key->cache_fd < 0 || !*boot || strlen(memory) > MEMORY_FILE_MAX / 2)
		return;
	strbuf_adds(&sb, *memory ? memory : boot);
	strbuf_addf(
		&sb, "%s%s\t%.*s\n", prefix, verdict, (int)strcspn(reason, "\n"), reason);
	/* Another thread may be at it, too. */
	snprintf(name, sizeof(name), MEMORY_FILE ".%ld", syscall(SYS_gettid));
	CLEANUP_CLOSE int fd = openat(
		key->cache_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (io_write_full(fd, sb.data, sb.len) < 0 ||
		renameat(key->cache_fd, name, key->cache_fd, MEMORY_FILE) < 0)
		unlinkat(key->cache_fd, name, 0);
}
