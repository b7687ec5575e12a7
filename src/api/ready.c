/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * VMs that wait, resumed and standing still, for runs that want just such a one:
 *
 *	hypermin_keep_ready()                  hypermin_start()
 *	  start, rehearse, vm_pause()            key of the same settings and appliance
 *	  ".ready-KEY-N" ◄──────SESSION_TAKE───────┘
 *	  vm_wake()      ───────SESSION_TAKEN────► a session, for this handle alone
 *	  end            ◄──────(closed)────────── hypermin_stop(), hypermin_free(), or its end
 */
#include <poll.h>
#include <string.h>

#include "api/handle.h"
#include "base/log.h"
#include "base/monotonic.h"
#include "base/sha256.h"
#include "config.h"
#include "protocol/protocol.h"
#include "session/session.h"
#include "vm/network.h"

/* For those that start to be there. */
#define STOP_MS	     5000
#define STOP_STEP_MS 100

bool handle_may_be_ready(const struct hypermin *h)
{
	return !h->cold && !h->disks.len && !h->shares.len && !h->host &&
		!vm_network_is_wanted(&h->network) && !h->fixed && !h->from &&
		!h->timeline && !h->console && !h->private_cache.path &&
		!handle_is_special(h);
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

int handle_take_ready(struct hypermin *h)
{
	char key[READY_KEY_LEN + 1];

	if (!handle_may_be_ready(h))
		return 0;
	handle_ready_key(h, key);
	int taken = session_take(h, key);
	if (taken == 1)
		log_info("a VM that was ready is taken");
	return taken;
}

void handle_leave_ready(struct hypermin *h)
{
	free(TAKE_PTR(h->session));
	cleanup_close(&h->owner_fd);
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
