/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Choosing the accelerator: what was asked for, what is remembered, or what the probe
 * says. */
#include "vm/accel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/mem.h"
#include "vm/kvm-probe.h"

#define SUBJECT "accelerator"

static bool recall(const struct verdict_key *key, struct accel_choice *ret)
{
	CLEANUP_FREE char *reason = NULL;
	char verdict[16];

	if (!verdict_recall(key, SUBJECT, verdict, &reason))
		return false;
	ret->kvm = strcmp(verdict, "kvm") == 0;
	ret->reason = xasprintf("%s (remembered)", reason);
	return true;
}

/* -1 and *ret_reason: a new string. */
static int open_kvm(char **ret_reason)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm >= 0)
		return kvm;
	if (errno == ENOENT)
		*ret_reason = xstrdup("there is no /dev/kvm");
	else if (errno == EACCES)
		*ret_reason = xstrdup(
			"no permission to open /dev/kvm (become a member of its group)");
	else
		*ret_reason = xasprintf("open /dev/kvm: %s", strerror(errno));
	return -1;
}

static void choose_by_probe(const struct verdict_key *key, struct accel_choice *ret)
{
	CLEANUP_CLOSE int kvm = open_kvm(&ret->reason);

	if (kvm < 0 || recall(key, ret))
		return;
	ret->kvm = kvm_probe(kvm, &ret->reason);
	verdict_remember(key, SUBJECT, ret->kvm ? "kvm" : "tcg", ret->reason);
}

void accel_choose(enum vm_accel wanted, const struct architecture *guest,
	const struct verdict_key *key, struct accel_choice *ret)
{
	*ret = (struct accel_choice){.chosen_by_us = wanted == VM_ACCEL_AUTO};
	if (wanted == VM_ACCEL_AUTO && !architecture_is_host(guest)) {
		ret->reason =
			xasprintf("the guest is for another processor, %s", guest->name);
		return;
	}
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

void accel_remember_tcg(const struct verdict_key *key, const char *reason)
{
	verdict_remember(key, SUBJECT, "tcg", reason);
}
