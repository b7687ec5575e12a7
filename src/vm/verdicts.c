/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The note `verdicts` in the cache directory: the host's boot id, then lines of
 *
 *	QEMU MTIME SIZE <tab> KERNEL <tab> SUBJECT <tab> VERDICT <tab> REASON
 *
 * KERNEL is "*", or DEVICE:INODE MTIME SIZE. The change time is left out, since each
 * appliance of the cache that gets a link to the kernel changes it.
 */
#include "vm/verdicts.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/boot-id.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cache/note.h"

#define NOTE "verdicts"

static char *kernel_text(const char *kernel)
{
	struct stat st = {0};

	if (!kernel)
		return xstrdup("*");
	/* What a link leads to may be the user's own kernel. */
	if (lstat(kernel, &st) < 0)
		st.st_size = 0;
	return xasprintf("%llu:%llu %lld.%09ld %lld", (unsigned long long)st.st_dev,
		(unsigned long long)st.st_ino, (long long)st.st_mtim.tv_sec,
		st.st_mtim.tv_nsec, (long long)st.st_size);
}

static char *line_prefix(const struct verdict_key *key, const char *subject)
{
	CLEANUP_FREE char *kernel = kernel_text(key->kernel);
	struct stat st = {0};

	if (stat(key->qemu, &st) < 0)
		st.st_size = 0;
	return xasprintf("%s %lld %lld\t%s\t%s\t", key->qemu, (long long)st.st_mtime,
		(long long)st.st_size, kernel, subject);
}

/* What is known, if it is of this boot. Never NULL. */
static char *read_known(const struct verdict_key *key)
{
	CLEANUP_FREE char *boot = boot_id_read();
	CLEANUP_FREE char *text =
		key->cache_fd < 0 || !*boot ? NULL : note_read(key->cache_fd, NOTE);

	if (!text || strncmp(text, boot, strlen(boot)) != 0)
		return xstrdup("");
	return TAKE_PTR(text);
}

bool verdict_recall(const struct verdict_key *key, const char *subject,
	char ret_verdict[static 16], char **ret_reason)
{
	CLEANUP_FREE char *known = read_known(key);
	CLEANUP_FREE char *prefix = line_prefix(key, subject);
	CLEANUP_FREE char *found = NULL;
	char *rest = known;

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

/* Behind the boot id: the lines of a note, the oldest left out if there are many. */
static const char *lines_to_keep(const char *known)
{
	const char *lines = strchr(known, '\n');

	while (lines && strlen(lines) > NOTE_MAX / 2)
		lines = strchr(lines + 1, '\n');
	return lines ? lines + 1 : "";
}

void verdict_remember(const struct verdict_key *key, const char *subject,
	const char *verdict, const char *reason)
{
	CLEANUP_FREE char *known = read_known(key);
	CLEANUP_FREE char *prefix = line_prefix(key, subject);
	CLEANUP_FREE char *boot = boot_id_read();
	CLEANUP_STRBUF struct strbuf sb = {0};

	if (key->cache_fd < 0 || !*boot)
		return;
	strbuf_addf(&sb, "%s%s%s%s\t%.*s\n", boot, lines_to_keep(known), prefix, verdict,
		(int)strcspn(reason, "\n"), reason);
	note_write(key->cache_fd, NOTE, sb.data);
}
