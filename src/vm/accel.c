/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Choosing the accelerator: what was asked for, what is remembered, or what the probe
 * says. */
#include "vm/accel.h"

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

static void choose_by_probe(const struct verdict_key *key, struct accel_choice *ret)
{
	CLEANUP_CLOSE int kvm = kvm_open(&ret->reason);

	if (kvm < 0 || recall(key, ret))
		return;
	ret->kvm = kvm_probe(kvm, &ret->reason);
	if (ret->kvm)
		ret->reason = xstrdup("the probe ran at full speed");
	verdict_remember(key, SUBJECT, ret->kvm ? "kvm" : "tcg", ret->reason);
}

void accel_choose(
	enum vm_accel wanted, const struct verdict_key *key, struct accel_choice *ret)
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

void accel_remember_tcg(const struct verdict_key *key, const char *reason)
{
	verdict_remember(key, SUBJECT, "tcg", reason);
}
