/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The settings of what a VM has beyond disks: directories of the host, and a network. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "api/handle.h"
#include "protocol/protocol.h"
#include "vm/disk.h"
#include "vm/network.h"
#include "vm/share.h"

/* ---- Directories ---- */

static const char *const modes[] = {
	[HYPERMIN_SHARE_READ_ONLY] = ATTACH_MODE_READ_ONLY,
	[HYPERMIN_SHARE_WRITABLE] = ATTACH_MODE_WRITABLE,
	[HYPERMIN_SHARE_OVERLAY] = ATTACH_MODE_OVERLAY,
	[HYPERMIN_SHARE_SERVED] = ATTACH_MODE_SERVED,
	[HYPERMIN_SHARE_SERVED_OVERLAY] = ATTACH_MODE_SERVED_OVERLAY,
};

int hypermin_add_share(struct hypermin *h, const char *dir, const char *place,
	enum hypermin_share_mode mode)
{
	struct vm_share share;

	if (handle_check_not_started(h) < 0)
		return -1;
	if ((size_t)mode >= ARRAY_SIZE(modes))
		return error_set(&h->error, EINVAL, "share '%s'", dir);
	/* One place is kept for the host's tree. */
	if (h->shares.len >= VM_MAX_SHARES - 1)
		return error_set(&h->error, 0, "share '%s': a VM has at most %d of these",
			dir, VM_MAX_SHARES - 1);
	if (vm_share_init(&share, dir, place, modes[mode], &h->error) < 0)
		return -1;
	vector_push(&h->shares, share);
	return 0;
}

int hypermin_set_host(struct hypermin *h, bool host)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	if (h->host)
		vm_share_done(h->host);
	free(TAKE_PTR(h->host));
	if (!host)
		return 0;
	struct vm_share share;
	if (vm_share_init(&share, "/", NULL, ATTACH_MODE_HOST, &h->error) < 0)
		return -1;
	h->host = xmemdup(&share, sizeof(share));
	return 0;
}

struct vm_share *handle_shares(const struct hypermin *h, size_t *ret_len)
{
	struct vm_share *all = xcalloc(h->shares.len + 1, sizeof(all[0]));
	size_t n = 0;

	/* It is the first, and the others have their places in it. */
	if (h->host)
		all[n++] = *h->host;
	vector_foreach (share, &h->shares)
		all[n++] = *share;
	*ret_len = n;
	return all;
}

size_t handle_served_count(const struct hypermin *h)
{
	size_t n = 0;

	vector_foreach (share, &h->shares)
		n += attach_mode_is_served(share->mode);
	return n;
}

struct vm_disk *handle_all_disks(const struct hypermin *h, const struct vm_share *shares,
	size_t n_shares, size_t *ret_len)
{
	size_t n;
	const struct vm_disk *own = handle_disks(h, &n);
	struct vm_disk *all = xcalloc(n + n_shares, sizeof(all[0]));

	if (n)
		memcpy(all, own, n * sizeof(all[0]));
	for (size_t i = 0; i < n_shares; i++)
		if (attach_mode_is_served(shares[i].mode))
			vm_disk_init_share(&all[n++], &shares[i], i);
	*ret_len = n;
	return all;
}

void handle_free_disks(const struct hypermin *h, struct vm_disk *disks, size_t len)
{
	size_t n_own;

	handle_disks(h, &n_own);
	for (size_t i = n_own; i < len; i++)
		vm_disk_done(&disks[i]);
	free(disks);
}

/* With the host's tree these are the guest's own all the same. */
static bool is_guests_own(const char *path)
{
	static const char *const dirs[] = {"/proc", "/sys", "/dev", "/tmp", "/run"};

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		size_t len = strlen(dirs[i]);
		if (strncmp(path, dirs[i], len) == 0 && path[len] == '/')
			return true;
	}
	return false;
}

int handle_guest_directory(struct hypermin *h, const char *here, char **ret)
{
	*ret = NULL;
	/* Not "(unreachable)…". */
	if (!here || *here != '/')
		return 0;
	*ret = vm_shares_find(h->shares.items, h->shares.len, here);
	if (*ret || !h->host)
		return 0;
	if (is_guests_own(here))
		return error_set(&h->error, 0,
			"run in '%s': that is below a directory which is the VM's own, also "
			"in the host's tree; attach it with --share or --overlay, or name "
			"another one",
			here);
	*ret = xstrdup(here);
	return 0;
}

bool handle_is_writable(const struct hypermin *h)
{
	vector_foreach (disk, &h->disks)
		if (disk->writable)
			return true;
	vector_foreach (share, &h->shares)
		if (strcmp(share->mode, ATTACH_MODE_WRITABLE) == 0)
			return true;
	return false;
}

/* Up to a colon, which is replaced by a NUL; what is behind it, or NULL. A backslash makes
 * the next character an ordinary one. */
static char *cut_at_colon(char *text)
{
	char *to = text;

	for (char *p = text; *p; p++) {
		if (*p == ':') {
			*to = '\0';
			return p + 1;
		}
		if (*p == '\\' && p[1])
			p++;
		*to++ = *p;
	}
	*to = '\0';
	return NULL;
}

/* What may stand behind a directory, by the mode that it has without. */
static const struct share_word {
	const char *word;
	enum hypermin_share_mode without, mode;
} share_words[] = {
	{"ro", HYPERMIN_SHARE_READ_ONLY, HYPERMIN_SHARE_READ_ONLY},
	{"rw", HYPERMIN_SHARE_READ_ONLY, HYPERMIN_SHARE_WRITABLE},
	{"served", HYPERMIN_SHARE_READ_ONLY, HYPERMIN_SHARE_SERVED},
	{"served", HYPERMIN_SHARE_OVERLAY, HYPERMIN_SHARE_SERVED_OVERLAY},
};

static const struct share_word *find_word(
	const char *word, enum hypermin_share_mode without)
{
	for (size_t i = 0; word && i < ARRAY_SIZE(share_words); i++)
		if (share_words[i].without == without &&
			strcmp(share_words[i].word, word) == 0)
			return &share_words[i];
	return NULL;
}

/* DIR[:PLACE][:WORD] */
static int add_share(struct hypermin *h, const char *text, enum hypermin_share_mode mode)
{
	static const char *const words[] = {
		[HYPERMIN_SHARE_READ_ONLY] = "[:ro|:rw|:served]",
		[HYPERMIN_SHARE_WRITABLE] = "",
		[HYPERMIN_SHARE_OVERLAY] = "[:served]",
	};
	CLEANUP_FREE char *dir = xstrdup(text);
	char *place = cut_at_colon(dir);
	char *word = place ? cut_at_colon(place) : NULL;
	char *rest = word ? cut_at_colon(word) : NULL;

	if (!word && find_word(place, mode)) {
		word = place;
		place = NULL;
	}
	const struct share_word *found = find_word(word, mode);
	if (rest || (word && !found))
		return error_set(&h->error, 0,
			"it is written as DIR[:PLACE]%s, with a backslash before a colon "
			"of a name, not '%s'",
			words[mode], text);
	return hypermin_add_share(h, dir, place, found ? found->mode : mode);
}

int handle_add_share_text(struct hypermin *h, const char *text)
{
	return add_share(h, text, HYPERMIN_SHARE_READ_ONLY);
}

int handle_add_writable_text(struct hypermin *h, const char *text)
{
	return add_share(h, text, HYPERMIN_SHARE_WRITABLE);
}

int handle_add_overlay_text(struct hypermin *h, const char *text)
{
	return add_share(h, text, HYPERMIN_SHARE_OVERLAY);
}

/* ---- Network ---- */

int hypermin_set_net(struct hypermin *h, bool net)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	h->network.internet = net;
	return 0;
}

int hypermin_add_forward(struct hypermin *h, const char *forward)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	return vm_network_add_forward(&h->network, forward, &h->error);
}

int hypermin_add_reach(struct hypermin *h, const char *endpoint)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	return vm_network_add_endpoint(&h->network, endpoint, &h->error);
}
