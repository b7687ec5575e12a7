/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VMs that wait, resumed and standing still, for runs that want just such a one:
 *
 *	hypermin_keep_ready()                  hypermin_start()
 *	  start, rehearse, vm_pause()            key of the same settings and appliance
 *	  ".ready-KEY-N" ◄──SESSION_TAKE, gifts────┘
 *	  vm_wake()      ───────SESSION_TAKEN────► a session, for this handle alone
 *	  end            ◄──────(closed)────────── hypermin_stop(), hypermin_free(), or its end
 *
 * Such a VM can be given disks, and directories that a server of the run's own serves:
 * src/vm/plug.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/handle.h"
#include "base/io.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "base/sha256.h"
#include "config.h"
#include "protocol/protocol.h"
#include "session/session.h"
#include "vm/disk.h"
#include "vm/network.h"
#include "vm/share.h"

/* For those that start to be there. */
#define STOP_MS	     5000
#define STOP_STEP_MS 100

#define MEMINFO_MAX (64 * 1024)

bool handle_is_awaited(const struct hypermin *h)
{
	return h->disks.len || handle_is_writable(h);
}

/* It has nothing that a VM can't get later. */
static bool may_have_waited(const struct hypermin *h)
{
	return !h->cold && !handle_served_count(h) &&
		!vm_network_is_wanted(&h->network) && !h->fixed && !h->from &&
		!h->timeline && !h->console && !h->private_cache.path &&
		!handle_is_special(h);
}

bool handle_may_wait(const struct hypermin *h)
{
	return may_have_waited(h) && !h->disks.len && !h->shares.len && !h->host;
}

void handle_ready_key(const struct hypermin *h, char ret[static READY_KEY_LEN + 1])
{
	CLEANUP_STRVEC struct strvec options = {0};
	char hex[SHA256_HEX_LEN + 1];
	struct sha256 s;

	handle_snapshot_options(h, &options);
	sha256_start(&s);
	sha256_add_string(&s, "ready " HYPERMIN_VERSION);
	sha256_add_number(&s, PROTOCOL_VERSION);
	sha256_add_string(&s, h->appliance.directory);
	vector_foreach (option, &options)
		sha256_add_string(&s, *option);
	sha256_end_hex(&s, hex);
	memcpy(ret, hex, READY_KEY_LEN);
	ret[READY_KEY_LEN] = '\0';
}

/* ---- What it is given ---- */

static json_t *describe_disk(const struct vm_disk *disk)
{
	return json_pack("{s:s, s:s, s:s?, s:b, s:b, s:b, s:i}", "path", disk->path,
		"format", disk->format, "serial", disk->serial, "writable",
		disk->writable, "overlay", disk->overlay, "block_device",
		disk->block_device, "sector", (int)disk->sector);
}

static json_t *describe_share(const struct vm_share *share)
{
	return json_pack("{s:s, s:s, s:s}", "path", share->path, "place", share->place,
		"mode", share->mode);
}

/* NULL: JSON can't say it, a name that is not UTF-8. */
static char *describe_gift(const struct hypermin *h)
{
	size_t n_shares;
	CLEANUP_FREE struct vm_share *shares = handle_shares(h, &n_shares);
	json_t *disks = json_array(), *directories = json_array();
	char *text = NULL;
	bool is_whole = true;

	vector_foreach (disk, &h->disks)
		is_whole &= json_array_append_new(disks, describe_disk(disk)) == 0;
	for (size_t i = 0; i < n_shares; i++)
		is_whole &= json_array_append_new(
				    directories, describe_share(&shares[i])) == 0;
	json_t *all = json_pack("{s:o, s:o}", "disks", disks, "shares", directories);
	if (is_whole)
		text = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	return text;
}

static int read_disk(json_t *json, struct vm_disk *ret)
{
	const char *serial = json_string_value(json_object_get(json, "serial"));
	const char *path, *format;
	int writable, overlay, block_device, sector;

	if (json_unpack(json, "{s:s, s:s, s:b, s:b, s:b, s:i}", "path", &path, "format",
		    &format, "writable", &writable, "overlay", &overlay, "block_device",
		    &block_device, "sector", &sector) < 0 ||
		!vm_disk_is_format(format) || (writable && overlay))
		return -1;
	*ret = (struct vm_disk){
		.path = xstrdup(path),
		.format = xstrdup(format),
		.serial = serial ? xstrdup(serial) : NULL,
		.writable = writable,
		.overlay = overlay,
		.block_device = block_device,
		.sector = sector,
	};
	return 0;
}

/* The disks become the handle's; each takes one or two of the descriptors. */
static int read_disks(struct hypermin *h, const json_t *list, const int *fds,
	size_t n_fds, struct vm_gift *ret, size_t *ret_used)
{
	size_t used = 0;

	if (!json_is_array(list) || json_array_size(list) > VM_MAX_PLUGGED)
		return -1;
	ret->n_disks = json_array_size(list);
	for (size_t i = 0; i < ret->n_disks; i++) {
		struct vm_disk disk;
		if (read_disk(json_array_get(list, i), &disk) < 0)
			return -1;
		vector_push(&h->disks, disk);
		if (used + 1 + disk.overlay > n_fds)
			return -1;
		ret->disks[i] = (struct vm_open_disk){disk, fds[used], -1};
		used++;
		if (disk.overlay)
			ret->disks[i].overlay_fd = fds[used++];
	}
	*ret_used = used;
	return 0;
}

/* A directory of which only the names are known. The host's tree is the first or nowhere. */
static int read_share(struct hypermin *h, const json_t *json, bool is_first)
{
	static const char *const modes[] = {
		ATTACH_MODE_READ_ONLY, ATTACH_MODE_WRITABLE, ATTACH_MODE_OVERLAY};
	const char *path, *place, *mode;
	struct vm_share share = {.fd = -1};

	if (json_unpack((json_t *)json, "{s:s, s:s, s:s}", "path", &path, "place", &place,
		    "mode", &mode) < 0 ||
		*path != '/' || *place != '/')
		return -1;
	bool is_host = is_first && strcmp(mode, ATTACH_MODE_HOST) == 0;
	if (is_host)
		share.mode = ATTACH_MODE_HOST;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (strcmp(mode, modes[i]) == 0)
			share.mode = modes[i];
	if (!share.mode)
		return -1;
	share.path = xstrdup(path);
	share.place = xstrdup(place);
	if (is_host)
		h->host = xmemdup(&share, sizeof(share));
	else
		vector_push(&h->shares, share);
	return 0;
}

static int read_shares(struct hypermin *h, const json_t *list)
{
	if (!json_is_array(list) || json_array_size(list) > VM_MAX_SHARES)
		return -1;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (read_share(h, json_array_get(list, i), i == 0) < 0)
			return -1;
	return 0;
}

static void forget_gift(struct hypermin *h)
{
	vector_foreach (disk, &h->disks)
		vm_disk_done(disk);
	h->disks.len = 0;
	vector_foreach (share, &h->shares)
		vm_share_done(share);
	h->shares.len = 0;
	if (h->host)
		vm_share_done(h->host);
	free(TAKE_PTR(h->host));
}

int handle_read_gift(struct hypermin *h, const struct frame *f, const int *fds,
	size_t n_fds, struct vm_gift *ret, struct vm_share **ret_shares)
{
	json_t *all = json_loadb((const char *)f->payload, f->len, 0, NULL);
	struct vm_gift gift = {.share_fd = -1};
	size_t used = 0;

	int result =
		read_disks(h, json_object_get(all, "disks"), fds, n_fds, &gift, &used);
	if (result == 0)
		result = read_shares(h, json_object_get(all, "shares"));
	json_decref(all);
	bool has_shares = h->shares.len || h->host;
	if (result < 0 || used + has_shares != n_fds) {
		forget_gift(h);
		return -1;
	}
	if (has_shares)
		gift.share_fd = fds[used];
	*ret_shares = handle_shares(h, &gift.n_shares);
	gift.shares = *ret_shares;
	*ret = gift;
	return 0;
}

/* ---- Taking one ---- */

/* Start the server of the directories, unless it runs. *ret is qemu's end of its socket; it stays -1
 * if there are no directories. */
static int serve_shares(struct hypermin *h, int *ret)
{
	size_t n_shares;
	CLEANUP_FREE struct vm_share *shares = handle_shares(h, &n_shares);
	/* What it has to say, the guest says too. */
	CLEANUP_CLOSE int messages = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (!n_shares || *ret >= 0)
		return 0;
	if (messages < 0 ||
		(!h->share_program &&
			!(h->share_program = handle_find_program(
				  "hypermin-share", &h->error))))
		return -1;
	const struct vm_config config = {.share_program = h->share_program,
		.shares = shares,
		.n_shares = n_shares,
		.strict = h->strict};
	return vm_shares_serve(&config, messages, &h->share_server, ret, &h->error);
}

/* The first of these that is still there: 1. 0: none. -1: interrupted. */
static int take_one(struct hypermin *h, const struct strvec *names, const char *gift,
	int *fds, size_t n_disk_fds)
{
	CLEANUP_CLOSE int share_fd = -1;

	vector_foreach (name, names) {
		size_t n = n_disk_fds;
		if (serve_shares(h, &share_fd) < 0)
			/* To start a VM with them fails, too, and says why. */
			return 0;
		if (share_fd >= 0)
			fds[n++] = share_fd;
		if (session_take(h, *name, gift, fds, n) == 0)
			return 1;
		if (h->error.num == EINTR)
			return -1;
		/* Another run was faster, or this VM has ended: there may be others. */
		log_info("the VM '%s' is not taken: %-s", *name, h->error.msg);
		if (h->error.num == EBUSY)
			continue;
		/* That VM may have begun to talk to the server, which serves one. */
		child_kill(&h->share_server);
		if (share_fd >= 0)
			close(TAKE_FD(share_fd));
	}
	return 0;
}

static int take(struct hypermin *h, const struct strvec *names)
{
	struct vm_open_disk disks[VM_MAX_PLUGGED];
	int fds[2 * VM_MAX_PLUGGED + 1];
	size_t n = 0;

	CLEANUP_FREE char *text = describe_gift(h);
	if (!text || strlen(text) > FRAME_PAYLOAD_MAX ||
		vm_disks_open(h->disks.items, h->disks.len, disks, &h->error) < 0)
		/* To start a VM for them may fail, and says why. */
		return 0;
	for (size_t i = 0; i < h->disks.len; i++) {
		fds[n++] = disks[i].fd;
		if (disks[i].overlay_fd >= 0)
			fds[n++] = disks[i].overlay_fd;
	}
	int taken = take_one(h, names, text, fds, n);
	vm_disks_close(disks, h->disks.len);
	return taken;
}

int handle_take_ready(struct hypermin *h)
{
	CLEANUP_STRVEC struct strvec names = {0};
	char key[READY_KEY_LEN + 1];

	if (!may_have_waited(h) ||
		!vm_can_plug(handle_route(h), h->disks.items, h->disks.len))
		return 0;
	handle_ready_key(h, key);
	if (session_list_ready(key, &names, NULL) < 0 || names.len == 0)
		return 0;
	int taken = take(h, &names);
	if (taken == 1)
		log_info("a VM that was ready is taken");
	else
		child_kill(&h->share_server);
	return taken;
}

void handle_leave_ready(struct hypermin *h)
{
	session_hang_up(&h->owner_fd, handle_is_awaited(h));
	/* The guest may have written to its directories up to its end. */
	child_kill(&h->share_server);
	free(TAKE_PTR(h->session));
}

/* ---- Keeping some ---- */

/* MiB; UINT64_MAX: unknown. */
static uint64_t available_memory(void)
{
	CLEANUP_FREE char *text = NULL;
	unsigned long long kib;
	struct error ignored;
	size_t len;

	if (io_read_file(AT_FDCWD, "/proc/meminfo", MEMINFO_MAX, &text, &len, &ignored) <
		0)
		return UINT64_MAX;
	const char *line = strstr(text, "\nMemAvailable:");
	if (!line || sscanf(line, " MemAvailable: %llu kB", &kib) != 1)
		return UINT64_MAX;
	return kib / 1024;
}

/* Each VM that waits takes little, but the runs that take them may use all that their guests
 * have. Those that are there have their memory already. */
int handle_check_memory(struct hypermin *h, const char *key, unsigned max)
{
	CLEANUP_STRVEC struct strvec names = {0};
	uint64_t available = available_memory();

	if (session_list_ready(key, &names, &h->error) < 0)
		return -1;
	uint64_t more = names.len < max ? max - names.len : 0;
	if (more * handle_memory_mib(h) <= available)
		return 0;
	return error_set(&h->error, 0,
		"keep %u VMs ready: their guests may take %llu MiB of memory, and %llu MiB are "
		"available; keep fewer of them, or give each less (--memory)",
		max, (unsigned long long)(more * handle_memory_mib(h)),
		(unsigned long long)available);
}

void hypermin_set_take_ready(struct hypermin *h, bool take)
{
	h->take_ready = take;
}

/* How many have ended. *ret_left: how many have not, and were not taken either. */
static int stop_all(const struct strvec *names, size_t *ret_left)
{
	int n = 0;

	*ret_left = names->len;
	vector_foreach (name, names) {
		struct hypermin *one = hypermin_new();
		one->session = xstrdup(*name);
		int result = session_stop(one, true);
		n += result == 0;
		*ret_left -= result >= 0;
		hypermin_free(one);
	}
	return n;
}

int hypermin_stop_ready(struct hypermin *h)
{
	int64_t deadline = monotonic_ms() + STOP_MS;
	int stopped = 0;

	/* One that starts does not listen yet; and one that follows another has no name
	 * for a moment. */
	for (int times_none = 0; times_none < 2 && monotonic_ms() < deadline;) {
		CLEANUP_STRVEC struct strvec names = {0};
		size_t left;
		if (session_list_ready(NULL, &names, &h->error) < 0)
			return -1;
		int n = stop_all(&names, &left);
		stopped += n;
		times_none = n || left ? 0 : times_none + 1;
		poll(NULL, 0, STOP_STEP_MS);
	}
	return stopped;
}
